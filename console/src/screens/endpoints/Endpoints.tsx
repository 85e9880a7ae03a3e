import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import { Input, Label, TextField } from "react-aria-components/TextField";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { State } from "../../ui/State";
import { Deliveries } from "./Deliveries";
import { add, change, type Endpoint, endpoints, remove, rotate, test } from "./data";
import { words } from "./text";
import "../../ui/Field.css";
import "../../ui/Panel.css";
import "../../ui/Table.css";

const failed = (error: ApiError) => notice.bad(text.errors.message(error.message));

/** The company's own addresses for events: added with a secret shown once, tried, paused, and what was delivered. */
export function Endpoints() {
  const { view } = useCompany();
  if (view.role !== "admin") {
    return (
      <Page title={words.title}>
        <State title={words.notAdmin} fix={words.notAdminFix} />
      </Page>
    );
  }
  return <ForAdmin />;
}

function ForAdmin() {
  const { id } = useCompany();
  const found = useQuery(endpoints(id));
  const [secret, setSecret] = useState<string | null>(null);
  const [log, setLog] = useState<Endpoint | null>(null);
  return (
    <Page title={words.title} lead={words.lead}>
      <Add onSecret={setSecret} />
      {secret && <Secret value={secret} />}
      <section className="card section" aria-label={words.title}>
        {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
        {found.data?.items.length === 0 && <State title={words.none} fix={words.noneFix} />}
        {found.data && found.data.items.length > 0 && (
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{words.url}</th>
                <th scope="col">{words.types}</th>
                <th scope="col">{words.state}</th>
                <th scope="col">{words.delivered}</th>
                <th scope="col">{words.waiting}</th>
                <th scope="col">
                  <span className="unseen">{text.actions.menu("")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.data.items.map((one) => (
                <Line key={one.endpoint_id} one={one} onLog={() => setLog(one)} onSecret={setSecret} />
              ))}
            </tbody>
          </table>
        )}
      </section>
      {log && <Deliveries endpoint={log} onClose={() => setLog(null)} />}
    </Page>
  );
}

function Add({ onSecret }: { onSecret: (secret: string) => void }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const adding = useMutation({
    mutationFn: ({ url, types }: { url: string; types: string[] }) => add(id, url, types),
    onError: failed,
  });
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const types = String(given.get("types") ?? "")
      .split(/[\s,]+/)
      .filter(Boolean);
    const made = await adding.mutateAsync({ url: String(given.get("url") ?? "").trim(), types });
    onSecret(made.secret);
    form.reset();
    await client.invalidateQueries({ queryKey: ["endpoints", id] });
  }
  return (
    <section className="card section" aria-labelledby="add-endpoint">
      <h2 id="add-endpoint">{words.add}</h2>
      <Form className="row-form" onSubmit={(event) => void submit(event).catch(() => {})}>
        <TextField name="url" type="url" autoComplete="off" isRequired className="field">
          <Label>{words.url}</Label>
          <Input className="input" placeholder="https://" />
        </TextField>
        <TextField name="types" autoComplete="off" className="field">
          <Label>{words.types}</Label>
          <Input className="input" />
        </TextField>
        <Button look="primary" type="submit" isDisabled={adding.isPending}>
          {words.send}
        </Button>
      </Form>
      <p className="hint">
        {words.urlHint} {words.types}: {words.typesHint}
      </p>
    </section>
  );
}

function Secret({ value }: { value: string }) {
  async function copy() {
    try {
      await navigator.clipboard.writeText(value);
      notice.good(words.copied);
    } catch {
      document.querySelector<HTMLInputElement>(".shown-once input")?.select();
    }
  }
  return (
    <section className="card section" role="status">
      <p>{words.secret}</p>
      <div className="shown-once">
        <input className="input" readOnly aria-label={words.secretLabel} value={value} />
        <Button onPress={() => void copy()}>{words.copy}</Button>
      </div>
    </section>
  );
}

interface LineProps {
  one: Endpoint;
  onLog: () => void;
  onSecret: (secret: string) => void;
}

function Line({ one, onLog, onSecret }: LineProps) {
  const { id } = useCompany();
  const client = useQueryClient();
  const [leaving, setLeaving] = useState(false);
  const act = useMutation({
    mutationFn: (what: () => Promise<unknown>) => what(),
    onError: failed,
    onSettled: () => client.invalidateQueries({ queryKey: ["endpoints", id] }),
  });
  const isActive = one.state === "active";
  const about = (action: string) => text.actions.of(action, one.url);
  return (
    <tr>
      <td className="strong">{one.url}</td>
      <td>{one.types.length > 0 ? one.types.join(", ") : words.all}</td>
      <td>
        <span className={isActive && !one.failing_since ? undefined : "tone needs_action"}>
          {words.states[one.state] ?? one.state}
        </span>
        {one.failing_since && <div className="muted">{words.failing(when(one.failing_since))}</div>}
      </td>
      <td className="num">{one.delivered_at ? when(one.delivered_at) : words.never}</td>
      <td className="num">{one.waiting}</td>
      <td>
        <div className="row-actions">
          <Button small aria-label={about(words.log)} onPress={onLog}>
            {words.log}
          </Button>
          <Button
            small
            isDisabled={!isActive}
            aria-label={about(words.test)}
            onPress={() => act.mutate(() => test(id, one.endpoint_id).then(() => notice.good(words.tested)))}
          >
            {words.test}
          </Button>
          <Button
            small
            aria-label={about(isActive ? words.pause : words.resume)}
            onPress={() => act.mutate(() => change(id, one.endpoint_id, isActive ? "paused" : "active"))}
          >
            {isActive ? words.pause : words.resume}
          </Button>
          <Button
            small
            aria-label={about(words.rotate)}
            onPress={() =>
              act.mutate(() => rotate(id, one.endpoint_id).then((made) => onSecret(made.secret)))
            }
          >
            {words.rotate}
          </Button>
          <Button small tone="danger" aria-label={about(words.remove)} onPress={() => setLeaving(true)}>
            {words.remove}
          </Button>
        </div>
        {leaving && (
          <Dialog
            role="alertdialog"
            size="small"
            title={words.removeSure(one.url)}
            onClose={() => setLeaving(false)}
            footer={
              <>
                <Button autoFocus onPress={() => setLeaving(false)}>
                  {words.keep}
                </Button>
                <Button tone="danger" onPress={() => act.mutate(() => remove(id, one.endpoint_id))}>
                  {words.remove}
                </Button>
              </>
            }
          >
            <p className="dialog-text">{words.removeWhat}</p>
          </Dialog>
        )}
      </td>
    </tr>
  );
}
