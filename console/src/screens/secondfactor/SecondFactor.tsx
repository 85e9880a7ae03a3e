import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Form } from "react-aria-components/Form";
import { Input, Label, TextField } from "react-aria-components/TextField";
import { type ApiError, api, ok } from "../../api/client";
import { loadFont } from "../../font";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Crash } from "../Root";
import { Top } from "../Top";
import { QrCode } from "./QrCode";
import { words } from "./text";
import "../CompanyFrame.css";
import "../../ui/Field.css";
import "./SecondFactor.css";

const KEY = ["me", "second-factor"];

/** Setting up the second factor of one's password, and taking it off. */
export function SecondFactor() {
  const state = useQuery({ queryKey: KEY, queryFn: () => ok(api.GET("/v1/me/second-factor")) });
  const client = useQueryClient();
  const navigate = useNavigate();
  const [begun, setBegun] = useState<{ secret: string; uri: string } | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  useEffect(loadFont, []);
  if (state.isError) return <Crash error={state.error} />;

  async function begin(given: FormData) {
    const password = String(given.get("password") ?? "");
    setBegun(await ok(api.POST("/v1/me/second-factor", { body: { password } })));
  }
  async function confirm(given: FormData) {
    const code = String(given.get("code") ?? "").trim();
    setCodes((await ok(api.PUT("/v1/me/second-factor", { body: { code } }))).codes);
    setBegun(null);
  }
  async function end(given: FormData) {
    const body = {
      password: String(given.get("password") ?? ""),
      code: String(given.get("code") ?? "").trim(),
    };
    await ok(api.POST("/v1/me/second-factor/off", { body }));
    notice.good(words.offDone);
    await client.invalidateQueries({ queryKey: KEY });
  }
  async function done() {
    setCodes(null);
    const required = state.data?.required;
    await client.invalidateQueries();
    if (required) await navigate({ to: "/" });
  }

  return (
    <div className="frame lone-frame">
      <Top />
      <main className="main" id="main" tabIndex={-1}>
        <Page title={words.title} lead={words.lead}>
          <section className="card second-factor">
            {codes ? (
              <Codes codes={codes} onDone={() => void done()} />
            ) : begun ? (
              <Steps button={words.confirm} onSubmit={confirm}>
                <p>{words.scan}</p>
                <QrCode text={begun.uri} label={words.picture} />
                <p>
                  {words.typed} <code>{begun.secret}</code>
                </p>
                <Field key="code" name="code" label={words.code} autoComplete="one-time-code" />
              </Steps>
            ) : state.data?.enabled ? (
              <Steps button={words.off} onSubmit={end}>
                <p>{words.on(state.data.recovery_codes)}</p>
                <Field
                  name="password"
                  label={words.password}
                  type="password"
                  autoComplete="current-password"
                />
                <Field name="code" label={words.offCode} autoComplete="one-time-code" />
              </Steps>
            ) : (
              state.data && (
                <Steps button={words.begin} onSubmit={begin}>
                  {state.data.required && <p>{words.required}</p>}
                  <Field
                    name="password"
                    label={words.password}
                    type="password"
                    autoComplete="current-password"
                  />
                </Steps>
              )
            )}
          </section>
        </Page>
      </main>
    </div>
  );
}

interface StepsProps {
  button: string;
  onSubmit: (given: FormData) => Promise<void>;
  children: ReactNode;
}

function Steps({ button, onSubmit, children }: StepsProps) {
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setBusy(true);
    setWrong("");
    try {
      await onSubmit(new FormData(event.currentTarget));
    } catch (error) {
      const problem = error as ApiError;
      setWrong(problem.kind === "invalid" ? text.errors.message("") : text.errors.says(problem));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Form className="second-factor-steps" onSubmit={(event) => void submit(event)} validationBehavior="aria">
      {children}
      <p className="form-error" role="alert">
        {wrong}
      </p>
      <Button look="primary" type="submit" isPending={busy}>
        {button}
      </Button>
    </Form>
  );
}

function Field(props: { name: string; label: string; autoComplete: string; type?: string }) {
  return (
    <TextField
      name={props.name}
      type={props.type ?? "text"}
      autoComplete={props.autoComplete}
      isRequired
      className="field"
    >
      <Label>{props.label}</Label>
      <Input className="input" />
    </TextField>
  );
}

function Codes({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) {
  const list = useRef<HTMLOListElement>(null);
  async function copy() {
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
      notice.good(words.copied);
    } catch {
      if (list.current) getSelection()?.selectAllChildren(list.current); // over plain http a page may not copy
    }
  }
  return (
    <>
      <h2>{words.codes}</h2>
      <p>{words.codesLead}</p>
      <ol ref={list}>
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <div className="row">
        <Button onPress={() => void copy()}>{words.copy}</Button>
        <Button look="primary" onPress={onDone}>
          {words.done}
        </Button>
      </div>
    </>
  );
}
