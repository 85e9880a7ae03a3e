import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import type { components } from "../../api/schema";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Entry, Select } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { Once } from "../../ui/Once";
import { Section } from "../../ui/Section";
import { State } from "../../ui/State";
import { Sure } from "../../ui/Sure";
import { add, type Channel, change, channels, type Kind, remove, type Shape, test } from "./data";
import { Kinds } from "./Kinds";
import { Messages } from "./Messages";
import { words } from "./text";

type KindViews = readonly components["schemas"]["NoticeKind"][];
const said = (error: unknown) => text.errors.says(error as { kind: string; message: string });

/** Where the company's notices are posted to: added, tried, chosen for, switched off and removed. */
export function Channels({ kinds }: { kinds: KindViews }) {
  const { id } = useCompany();
  const found = useQuery(channels(id));
  return (
    <Section title={words.channels} lead={words.channelsLead}>
      <Add kinds={kinds} />
      {found.isError && <State alert title={text.errors.title} fix={found.error.message} />}
      {found.data?.items.length === 0 && <p className="muted">{words.none}</p>}
      {found.data && found.data.items.length > 0 && (
        <table className="table" aria-label={words.channels}>
          <thead>
            <tr>
              <th scope="col">{words.name}</th>
              <th scope="col">{words.shape}</th>
              <th scope="col">{words.what}</th>
              <th scope="col">{words.state}</th>
              <th scope="col">
                <span className="unseen">{text.actions.menu("")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {found.data.items.map((one) => (
              <Line key={one.channel_id} one={one} kinds={kinds} />
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function Add({ kinds }: { kinds: KindViews }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const [shape, setShape] = useState<Shape>("slack");
  const [wrong, setWrong] = useState("");
  const [secret, setSecret] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const [name, url] = ["name", "url"].map((field) => String(new FormData(form).get(field) ?? "").trim());
    if (!name || !url) return setWrong(words.incomplete);
    setWrong("");
    setSecret("");
    try {
      const made = await add(
        id,
        shape,
        name,
        url,
        kinds.map((one) => one.kind as Kind),
      );
      setSecret(made.secret);
      form.reset();
    } catch (error) {
      setWrong(said(error));
    }
    await client.invalidateQueries({ queryKey: ["notice-channels", id] });
  }

  return (
    <>
      <Form className="form-row" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <Select shown label={words.shape} value={shape} options={words.shapes} onChange={setShape} />
        <Entry label={words.name} name="name" autoComplete="off" isRequired maxLength={100} />
        <Entry label={words.url} name="url" autoComplete="off" isRequired maxLength={2000} />
        <Button look="primary" type="submit">
          {words.add}
        </Button>
      </Form>
      <p className="muted">{words.urlHint[shape]}</p>
      {wrong && (
        <p className="form-error" role="alert">
          {wrong}
        </p>
      )}
      {secret && <Once lead={words.secret} label={words.secretLabel} value={secret} />}
    </>
  );
}

function Line({ one, kinds }: { one: Channel; kinds: KindViews }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const [open, setOpen] = useState<"messages" | "kinds" | "remove" | null>(null);
  const close = () => setOpen(null);

  async function act(what: () => Promise<unknown>, done?: string) {
    try {
      await what();
      if (done) notice.good(done);
    } catch (error) {
      notice.bad(said(error));
    }
    await client.invalidateQueries({ queryKey: ["notice-channels", id] });
  }

  const about = (action: string) => words.of(action, one.name);
  const shape = words.shapes.find(([known]) => known === one.shape)?.[1] ?? one.shape;
  const toggle = one.active ? words.pause : words.resume;
  return (
    <tr>
      <td className="strong">{one.name}</td>
      <td>
        {shape} <span className="muted">{one.host}</span>
      </td>
      <td>{one.kinds.length === kinds.length ? words.all : words.some(one.kinds.length, kinds.length)}</td>
      <td>{one.active ? words.on : words.off}</td>
      <td>
        <div className="row-actions">
          <Button
            small
            aria-label={about(words.test)}
            onPress={() => void act(() => test(id, one.channel_id), words.tested)}
          >
            {words.test}
          </Button>
          <Button small aria-label={about(words.sent)} onPress={() => setOpen("messages")}>
            {words.sent}
          </Button>
          <Button small aria-label={about(words.choose)} onPress={() => setOpen("kinds")}>
            {words.choose}
          </Button>
          <Button
            small
            aria-label={about(toggle)}
            onPress={() => void act(() => change(id, one.channel_id, { active: !one.active }))}
          >
            {toggle}
          </Button>
          <Button small tone="danger" aria-label={about(words.remove)} onPress={() => setOpen("remove")}>
            {words.remove}
          </Button>
        </div>
        {open === "messages" && <Messages channel={one.channel_id} name={one.name} onClose={close} />}
        {open === "kinds" && (
          <Choose
            one={one}
            kinds={kinds}
            onClose={close}
            onSave={(chosen) =>
              void act(() => change(id, one.channel_id, { kinds: chosen }), words.saved).then(close)
            }
          />
        )}
        {open === "remove" && (
          <Sure
            title={words.removeSure(one.name)}
            action={words.remove}
            onClose={close}
            onSure={() => void act(() => remove(id, one.channel_id))}
          >
            {words.removeWhat}
          </Sure>
        )}
      </td>
    </tr>
  );
}

interface ChooseProps {
  one: Channel;
  kinds: KindViews;
  onSave: (kinds: Kind[]) => void;
  onClose: () => void;
}

function Choose({ one, kinds, onSave, onClose }: ChooseProps) {
  const [chosen, setChosen] = useState(one.kinds as readonly Kind[]);
  return (
    <Dialog
      title={words.of(words.what, one.name)}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>{text.fields.cancel}</Button>
          <Button look="primary" onPress={() => onSave([...chosen])}>
            {words.save}
          </Button>
        </>
      }
    >
      <div className="dialog-text">
        <Kinds label={words.kinds} all={kinds} chosen={chosen} onChange={setChosen} />
      </div>
    </Dialog>
  );
}
