import { useNavigate, useParams } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { Form } from "react-aria-components/Form";
import { type ApiError, api, ok } from "../../api/client";
import { loadFont } from "../../font";
import { rememberSession } from "../../session";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Password } from "../../ui/Fields";
import { State } from "../../ui/State";
import { Mark } from "../Mark";
import { LEAST, words } from "./text";
import "../SignIn.css";

/** A link by which one sets a new password. */
export function Reset() {
  useEffect(loadFont, []);
  const { token } = useParams({ from: "/reset/$token" });
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const [done, setDone] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget).get("password") ?? "");
    if (password.length < LEAST) return setWrong(words.short);
    setBusy(true);
    setWrong("");
    try {
      await ok(api.POST("/v1/password-resets/{token}", { params: { path: { token } }, body: { password } }));
      rememberSession(false);
      setDone(true);
    } catch (error) {
      setWrong(text.errors.says(error as ApiError));
    } finally {
      setBusy(false);
    }
  }

  if (done) {
    return (
      <main className="lone">
        <State title={words.reset} fix={words.done}>
          <Button look="primary" autoFocus onPress={() => void navigate({ to: "/sign-in", search: {} })}>
            {words.toSignIn}
          </Button>
        </State>
      </main>
    );
  }
  return (
    <main className="sign-in">
      <title>{text.title(words.reset)}</title>
      <Form className="card" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <Mark size={40} />
        <h1>{words.reset}</h1>
        <p className="lead">{words.resetLead}</p>
        <Password label={words.password} fresh autoFocus />
        <p className="form-error" role="alert">
          {wrong}
        </p>
        <Button look="primary" type="submit" isPending={busy}>
          {words.resetButton}
        </Button>
      </Form>
    </main>
  );
}
