import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import { api, ok } from "../../api/client";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Password } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { Section } from "../../ui/Section";
import { LEAST } from "../links/text";
import { words } from "./text";

/** A new password, with the one that one has. `email` is for password managers. */
export function PasswordChange({ email }: { email: string }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const body = { current: String(given.get("current") ?? ""), new: String(given.get("new") ?? "") };
    if (body.new.length < LEAST) return setWrong(words.short);
    setBusy(true);
    setWrong("");
    try {
      await ok(api.PUT("/v1/me/password", { body }));
      form.reset();
      notice.good(words.changed);
      await client.invalidateQueries({ queryKey: ["sessions"] });
    } catch (error) {
      setWrong(text.errors.says(error as { kind: string; message: string }));
    }
    setBusy(false);
  }

  return (
    <Section
      title={words.password}
      lead={`${words.least} ${words.passwordLead}`}
      actions={
        <Link to="/account/second-factor" className="button">
          {text.nav.secondFactor}
        </Link>
      }
    >
      <Form className="form-row" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <input type="hidden" autoComplete="username" value={email} readOnly />
        <Password label={words.current} name="current" />
        <Password label={words.fresh} name="new" fresh />
        <Button type="submit" isPending={busy}>
          {words.change}
        </Button>
      </Form>
      {wrong && (
        <p className="form-error" role="alert">
          {wrong}
        </p>
      )}
    </Section>
  );
}
