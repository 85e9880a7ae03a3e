import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import { type ApiError, api, ok } from "../../api/client";
import type { components } from "../../api/schema";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Entry, Select } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { Once } from "../../ui/Once";
import { Section } from "../../ui/Section";
import { words as people } from "../people/text";
import { words } from "./text";

type Person = components["schemas"]["InstallationPerson"];

const staff = queryOptions({
  queryKey: ["staff"],
  queryFn: () => ok(api.GET("/v1/installation/people")),
});
const failed = (error: unknown) => notice.bad(text.errors.message((error as ApiError).message));
const ROLES = Object.entries(words.staff.roles) as [Person["role"], string][];

/** Who works for the whole installation, for its administrators. */
export function Staff() {
  const client = useQueryClient();
  const found = useQuery(staff).data?.items ?? [];
  const [role, setRole] = useState<Person["role"]>("operator");
  const [made, setMade] = useState<{ email: string; link: string } | null>(null);
  const [wrong, setWrong] = useState("");
  const again = () => client.invalidateQueries({ queryKey: staff.queryKey });

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const email = String(new FormData(form).get("email") ?? "").trim();
    if (!/^[^@\s]+@[^@\s]+$/.test(email)) return setWrong(people.badEmail);
    setWrong("");
    try {
      const { link } = await ok(api.POST("/v1/installation/people", { body: { email, role, name: "" } }));
      setMade(link ? { email, link } : null);
      if (!link) notice.good(people.changed(email, words.staff.roles[role]));
      form.reset();
    } catch (error) {
      failed(error);
    }
    await again();
  }

  async function drop(person: Person) {
    try {
      const path = { user: person.user_id };
      await ok(api.DELETE("/v1/installation/people/{user}", { params: { path } }));
      notice.good(words.staff.dropped(person.name));
    } catch (error) {
      failed(error);
    }
    await again();
  }

  return (
    <Section title={words.staff.title} lead={words.staff.lead}>
      <Form className="form-row" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <Entry label={people.email} name="email" type="email" autoComplete="off" isRequired maxLength={254} />
        <Select shown label={people.role} value={role} options={ROLES} onChange={setRole} />
        <Button look="primary" type="submit">
          {words.staff.add}
        </Button>
      </Form>
      {wrong && (
        <p className="form-error" role="alert">
          {wrong}
        </p>
      )}
      {made && <Once lead={people.link(made.email)} label={people.linkLabel} value={made.link} />}
      <table className="table" aria-label={words.staff.title}>
        <thead>
          <tr>
            <th scope="col">{people.name}</th>
            <th scope="col">{people.email}</th>
            <th scope="col">{people.role}</th>
            <th scope="col">
              <span className="unseen">{people.remove}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {found.map((person) => (
            <tr key={person.user_id}>
              <td className="strong">{person.name}</td>
              <td>{person.email}</td>
              <td>{words.staff.roles[person.role]}</td>
              <td className="end">
                <Button
                  small
                  tone="danger"
                  aria-label={people.removeWho(person.name)}
                  onPress={() => void drop(person)}
                >
                  {people.remove}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
