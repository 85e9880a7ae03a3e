import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { Form } from "react-aria-components/Form";
import { type ApiError, api, ok } from "../api/client";
import { loadFont } from "../font";
import { rememberSession } from "../session";
import { text } from "../text";
import { Button } from "../ui/Button";
import { Entry, Password } from "../ui/Fields";
import { Spinner } from "../ui/State";
import { Mark } from "./Mark";
import "./SignIn.css";

export function SignIn() {
  useEffect(loadFont, []);
  const { next, problem: came } = useSearch({ from: "/sign-in" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [asked, setAsked] = useState(false);
  const [wrong, setWrong] = useState(came ? (text.signIn.problems[came] ?? text.errors.message("")) : "");
  const offered = useQuery({
    queryKey: ["sign-in"],
    queryFn: () => ok(api.GET("/v1/sign-in/options")),
    retry: false,
  }).data;

  useEffect(() => {
    if (came) rememberSession(false);
  }, [came]);

  function leave() {
    setLeaving(true);
    rememberSession(true); // undone where one comes back with a problem
    window.location.assign(`/v1/sign-in/sso?${new URLSearchParams({ next: next ?? "/" })}`);
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const [email, password] = [String(given.get("email") ?? "").trim(), String(given.get("password") ?? "")];
    if (!email || !password) return setWrong(text.signIn.missing);
    const code = String(given.get("code") ?? "").trim();
    setBusy(true);
    setWrong("");
    try {
      await ok(api.POST("/v1/session", { body: { email, password, ...(code && { code }) } }));
      client.clear();
      rememberSession(true);
      await navigate({ href: next ?? "/", replace: true });
    } catch (error) {
      const problem = error as ApiError;
      if (problem.more.second_factor && !asked) return setAsked(true);
      const words = problem.kind === "invalid" ? text.signIn.missing : problem.message;
      setWrong(text.errors.message(words));
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
        {offered?.sso && (
          <>
            <Button look="primary" isPending={leaving} onPress={leave}>
              {leaving ? text.signIn.ssoBusy : text.signIn.sso(offered.sso)}
            </Button>
            <p className="or">{offered.password ? text.signIn.or : text.signIn.onlySome}</p>
          </>
        )}
        <Entry
          label={text.signIn.email}
          name="email"
          type="email"
          autoComplete="username"
          autoFocus
          isRequired
        />
        <Password label={text.signIn.password} />
        {asked && (
          <Entry
            label={text.signIn.code}
            name="code"
            autoComplete="one-time-code"
            autoFocus
            isRequired
            hint={text.signIn.codeHint}
          />
        )}
        <p className="form-error" role="alert">
          {wrong}
        </p>
        <Button look={offered?.sso ? "plain" : "primary"} type="submit" isPending={busy}>
          {busy && <Spinner />}
          {busy ? text.signIn.busy : text.signIn.button}
        </Button>
      </Form>
    </main>
  );
}
