import { Outlet, useRouter } from "@tanstack/react-router";
import { ApiError } from "../api/client";
import { text } from "../text";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { State } from "../ui/State";

export function Root() {
  return (
    <>
      <Outlet />
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
