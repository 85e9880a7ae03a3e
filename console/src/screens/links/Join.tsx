import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { Form } from "react-aria-components/Form";
import { type ApiError, api, ok } from "../../api/client";
import { loadFont } from "../../font";
import { rememberSession } from "../../session";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Entry, Password } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { State } from "../../ui/State";
import { Mark } from "../Mark";
import { isRole, ROLES } from "../people/text";
import { LEAST, words } from "./text";
import "../SignIn.css";

/** An invitation's link: an account is made, or the one that there is joins the company; then one is signed in. */
export function Join() {
  useEffect(loadFont, []);
  const { token } = useParams({ from: "/join/$token" });
  const navigate = useNavigate();
  const found = useQuery({
    queryKey: ["invitation", token],
    queryFn: () => ok(api.GET("/v1/invitations/{token}", { params: { path: { token } } })),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const shown = found.data;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!shown) return;
    const given = new FormData(event.currentTarget);
    const [name, password] = [String(given.get("name") ?? "").trim(), String(given.get("password") ?? "")];
    if (!shown.has_account && !name) return setWrong(words.noName);
    if (!shown.has_account && password.length < LEAST) return setWrong(words.short);
    setBusy(true);
    setWrong("");
    try {
      await ok(
        api.POST("/v1/invitations/{token}", { params: { path: { token } }, body: { name, password } }),
      );
      const signedIn =
        shown.yours ||
        (await ok(api.POST("/v1/session", { body: { email: shown.email, password } })).then(
          () => true,
          () => false, // a second factor is asked for, or passwords are off: joined is joined
        ));
      if (signedIn) {
        rememberSession(true);
        await navigate({ to: "/", replace: true });
      } else {
        notice.good(words.joined(shown.company));
        await navigate({ to: "/sign-in", search: {}, replace: true });
      }
    } catch (error) {
      setWrong(text.errors.says(error as ApiError));
    } finally {
      setBusy(false);
    }
  }

  if (found.isError) {
    const problem = found.error as ApiError;
    return (
      <main className="lone">
        <title>{text.title(words.join)}</title>
        <State alert title={words.join} fix={text.errors.says(problem)} />
      </main>
    );
  }
  return (
    <main className="sign-in">
      <title>{text.title(words.join)}</title>
      {shown && (
        <Form className="card" onSubmit={(event) => void submit(event)} validationBehavior="aria">
          <Mark size={40} />
          <h1>{words.join}</h1>
          <p className="lead">
            {words.joinLead(shown.company, isRole(shown.role) ? ROLES[shown.role] : shown.role)}{" "}
            {shown.yours ? words.yours : shown.has_account ? words.hasAccount : words.newAccount}
          </p>
          <Entry
            label={words.email}
            name="email"
            type="email"
            isReadOnly
            value={shown.email}
            autoComplete="username"
          />
          {!shown.has_account && (
            <Entry label={words.name} name="name" autoComplete="name" autoFocus isRequired maxLength={200} />
          )}
          {!shown.yours && (
            <Password label={words.password} fresh={!shown.has_account} autoFocus={shown.has_account} />
          )}
          <p className="form-error" role="alert">
            {wrong}
          </p>
          <Button look="primary" type="submit" isPending={busy}>
            {words.joinButton}
          </Button>
        </Form>
      )}
    </main>
  );
}
