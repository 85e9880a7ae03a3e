import { useQuery } from "@tanstack/react-query";
import { Outlet, useRouter } from "@tanstack/react-router";
import { Fragment, useEffect, useState } from "react";
import { ApiError } from "../api/client";
import { me } from "../api/queries";
import { setFormats } from "../format";
import { text } from "../text";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { State } from "../ui/State";

export function Root() {
  const [shown, setShown] = useState(0);
  const mine = useQuery({ ...me, enabled: false }).data; // a screen that needs it asks for it
  useEffect(() => {
    if (mine && setFormats(mine)) setShown((before) => before + 1);
  }, [mine]);
  return (
    <>
      {/* Every time and number is shown again when this browser learns of other formats. */}
      <Fragment key={shown}>
        <Outlet />
      </Fragment>
      <Notice />
    </>
  );
}

export function NotHere() {
  const router = useRouter();
  return (
    <main className="lone">
      <State title={text.errors.notHere} fix={text.errors.notHereFix}>
        <Button look="primary" onPress={() => void router.navigate({ to: "/" })}>
          {text.errors.home}
        </Button>
      </State>
    </main>
  );
}

/** An error that nothing else has shown. */
export function Crash({ error }: { error: unknown }) {
  if (error instanceof ApiError && error.kind === "not-found") return <NotHere />;
  const away = error instanceof ApiError && error.passing;
  return (
    <main className="lone">
      <State
        alert
        title={away ? text.errors.title : text.errors.crash}
        fix={away ? text.errors.offline : text.errors.crashFix}
      >
        <Button look="primary" onPress={() => location.reload()}>
          {text.errors.reload}
        </Button>
      </State>
    </main>
  );
}
