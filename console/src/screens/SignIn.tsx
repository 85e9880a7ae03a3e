import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { Form } from "react-aria-components/Form";
import { Input, Label, TextField } from "react-aria-components/TextField";
import { type ApiError, api, ok } from "../api/client";
import { loadFont } from "../font";
import { rememberSession } from "../session";
import { text } from "../text";
import { Button } from "../ui/Button";
import { Spinner } from "../ui/State";
import { Mark } from "./Mark";

export function SignIn() {
  useEffect(loadFont, []);
  const { next } = useSearch({ from: "/sign-in" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const [email, password] = [String(given.get("email") ?? "").trim(), String(given.get("password") ?? "")];
    if (!email || !password) return setWrong(text.signIn.missing);
    setBusy(true);
    setWrong("");
    try {
      await ok(api.POST("/v1/session", { body: { email, password } }));
      client.clear();
      rememberSession(true);
      await navigate({ href: next ?? "/", replace: true });
    } catch (error) {
      const problem = error as ApiError;
      const words = problem.kind === "invalid" ? text.signIn.missing : problem.message;
      setWrong(problem.kind === "offline" ? text.errors.offline : text.errors.message(words));
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <title>{text.title(text.signIn.title)}</title>
      <Form className="card" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <Mark size={40} />
        <h1>{text.product}</h1>
        <p className="lead">{text.signIn.lead}</p>
        <TextField name="email" type="email" autoComplete="username" autoFocus isRequired className="field">
          <Label>{text.signIn.email}</Label>
          <Input className="input" />
        </TextField>
        <TextField
          name="password"
          type="password"
          autoComplete="current-password"
          isRequired
          className="field"
        >
          <Label>{text.signIn.password}</Label>
          <Input className="input" />
        </TextField>
        <p className="form-error" role="alert">
          {wrong}
        </p>
        <Button look="primary" type="submit" isPending={busy}>
          {busy && <Spinner />}
          {busy ? text.signIn.busy : text.signIn.button}
        </Button>
      </Form>
    </main>
  );
}
