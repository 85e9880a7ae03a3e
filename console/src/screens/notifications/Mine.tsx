import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import { Input, Label, TextField } from "react-aria-components/TextField";
import type { components } from "../../api/schema";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Select } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { Section } from "../../ui/Section";
import { zones } from "../account/text";
import { type Kind, save, testMine } from "./data";
import { Kinds } from "./Kinds";
import { Messages } from "./Messages";
import { words } from "./text";
import "../../ui/Field.css";

type View = components["schemas"]["NoticesView"];
const BROWSER = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const said = (error: unknown) => text.errors.says(error as { kind: string; message: string });

/** What one is told of this company by e-mail, when, a test, and what was sent. */
export function Mine({ view, mine }: { view: View; mine: components["schemas"]["MyNotices"] }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const [kinds, setKinds] = useState(mine.kinds as readonly Kind[]);
  const [isQuiet, setQuiet] = useState(mine.quiet_from !== null);
  const [zone, setZone] = useState(
    mine.chosen || mine.time_zone !== "UTC" ? mine.time_zone : (BROWSER ?? "UTC"),
  );
  const [digest, setDigest] = useState(String(mine.digest_minutes));
  const [looking, setLooking] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const clock = (name: string) => (isQuiet ? String(given.get(name) ?? "").slice(0, 5) || null : null);
    const body = {
      kinds: [...kinds],
      quiet_from: clock("from"),
      quiet_until: clock("until"),
      time_zone: zone,
      digest_minutes: Number(digest),
    };
    try {
      await save(id, body);
      notice.good(words.saved);
      await client.invalidateQueries({ queryKey: ["notices", id] });
    } catch (error) {
      notice.bad(said(error));
    }
  }

  async function test() {
    try {
      await testMine(id);
      notice.good(words.tested);
    } catch (error) {
      notice.bad(said(error));
    }
  }

  const known = zones();
  const listed = known.includes(zone) ? known : [zone, ...known];
  const often = words.digests.some(([minutes]) => minutes === digest)
    ? words.digests
    : [...words.digests, [digest, `${digest} min`] as const];
  return (
    <Section
      title={words.mine}
      lead={view.mail ? words.mineTo(view.email) : words.noMail}
      actions={
        <>
          <Button onPress={() => setLooking(true)}>{words.sent}</Button>
          <Button isDisabled={!view.mail} onPress={() => void test()}>
            {words.test}
          </Button>
        </>
      }
    >
      <Form className="notice-form" onSubmit={(event) => void submit(event)}>
        <Kinds label={words.kinds} all={view.kinds} chosen={kinds} onChange={setKinds} />
        <fieldset className="notice-kinds">
          <legend>
            {words.when} <span className="muted">{words.whenLead}</span>
          </legend>
          <div className="notice-hours">
            <Select shown label={words.digest} value={digest} options={often} onChange={setDigest} />
            <Box isSelected={isQuiet} onChange={setQuiet}>
              {words.quiet}
            </Box>
            {isQuiet && (
              <>
                <Clock name="from" label={words.from} value={mine.quiet_from ?? "20:00"} />
                <Clock name="until" label={words.until} value={mine.quiet_until ?? "07:00"} />
                <Select
                  shown
                  label={words.zone}
                  value={zone}
                  options={listed.map((one) => [one, one.replaceAll("_", " ")] as const)}
                  onChange={setZone}
                />
              </>
            )}
          </div>
        </fieldset>
        <p className="muted">{words.gathered}</p>
        <div>
          <Button look="primary" type="submit">
            {words.save}
          </Button>
        </div>
      </Form>
      {looking && <Messages channel={null} name={view.email} onClose={() => setLooking(false)} />}
    </Section>
  );
}

const Clock = ({ name, label, value }: { name: string; label: string; value: string }) => (
  <TextField name={name} type="time" isRequired defaultValue={value} className="field">
    <Label>{label}</Label>
    <Input className="input" />
  </TextField>
);
