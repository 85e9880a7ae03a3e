import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import { type ApiError, api, ok } from "../../api/client";
import { me } from "../../api/queries";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { Entry, Select } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { Once } from "../../ui/Once";
import { Page } from "../../ui/Page";
import { Section } from "../../ui/Section";
import { Sure } from "../../ui/Sure";
import { OnlyAdministrators } from "./OnlyAdministrators";
import { isRole, ROLE_OPTIONS, ROLES, type Role, words } from "./text";

const members = (company: string) =>
  queryOptions({
    queryKey: ["members", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/members", { params: { path: { company } } })),
  });
const invitations = (company: string) =>
  queryOptions({
    queryKey: ["invitations", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/invitations", { params: { path: { company } } })),
  });
const failed = (error: unknown) => notice.bad(text.errors.message((error as ApiError).message));

/** Who may do what in the company, and who is invited. */
export function People() {
  return (
    <OnlyAdministrators title={words.title}>
      <Page title={words.title} lead={words.lead}>
        <Invite />
        <Members />
      </Page>
    </OnlyAdministrators>
  );
}

interface Person {
  user_id: string;
  name: string;
  email: string;
  role: string;
  seen_at: string | null;
}

function Members() {
  const { id } = useCompany();
  const client = useQueryClient();
  const found = useQuery(members(id));
  const mine = useQuery(me).data?.actor;
  const [leaving, setLeaving] = useState<Person | null>(null);

  async function change(person: Person, role: Role) {
    const path = { company: id, user: person.user_id };
    try {
      await ok(api.PUT("/v1/companies/{company}/members/{user}", { params: { path }, body: { role } }));
      notice.good(words.changed(person.name, ROLES[role]));
    } catch (error) {
      failed(error);
    }
    await client.invalidateQueries({ queryKey: ["members", id] });
  }

  async function remove(person: Person) {
    const path = { company: id, user: person.user_id };
    try {
      await ok(api.DELETE("/v1/companies/{company}/members/{user}", { params: { path } }));
      notice.good(words.removed(person.name));
    } catch (error) {
      failed(error);
    }
    await client.invalidateQueries({ queryKey: ["members", id] });
  }

  return (
    <Section title={words.members}>
      {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
      <table className="table" aria-label={words.members}>
        <thead>
          <tr>
            <th scope="col">{words.name}</th>
            <th scope="col">{words.email}</th>
            <th scope="col">{words.role}</th>
            <th scope="col">{words.seen}</th>
            <th scope="col">
              <span className="unseen">{words.remove}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {found.data?.items.map((person) => (
            <tr key={person.user_id}>
              <td className="strong">
                {person.name}
                {mine === `user:${person.user_id}` && <span className="muted"> ({words.you})</span>}
              </td>
              <td>{person.email}</td>
              <td>
                <Select
                  label={words.roleOf(person.name)}
                  value={isRole(person.role) ? person.role : "viewer"}
                  options={ROLE_OPTIONS}
                  onChange={(role) => void change(person, role)}
                />
              </td>
              <td>{person.seen_at ? when(person.seen_at) : words.notSeen}</td>
              <td className="end">
                <Button
                  small
                  tone="danger"
                  aria-label={words.removeWho(person.name)}
                  onPress={() => setLeaving(person)}
                >
                  {words.remove}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {leaving && (
        <Sure
          title={words.removeSure(leaving.name)}
          action={words.remove}
          onSure={() => void remove(leaving)}
          onClose={() => setLeaving(null)}
        >
          <p>{words.removeWhat}</p>
        </Sure>
      )}
    </Section>
  );
}

function Invite() {
  const { id } = useCompany();
  const client = useQueryClient();
  const asked = useQuery(invitations(id));
  const waiting = asked.data?.items ?? [];
  const [role, setRole] = useState<Role>("operator");
  const [made, setMade] = useState<{ email: string; link: string } | null>(null);
  const [wrong, setWrong] = useState("");
  const again = () => client.invalidateQueries({ queryKey: ["invitations", id] });

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const email = String(new FormData(form).get("email") ?? "").trim();
    if (!/^[^@\s]+@[^@\s]+$/.test(email)) return setWrong(words.badEmail);
    setWrong("");
    try {
      const params = { path: { company: id } };
      setMade(await ok(api.POST("/v1/companies/{company}/invitations", { params, body: { email, role } })));
      form.reset();
    } catch (error) {
      failed(error);
    }
    await again();
  }

  async function takeBack(invitation: string, email: string) {
    try {
      const path = { company: id, invitation };
      await ok(api.DELETE("/v1/companies/{company}/invitations/{invitation}", { params: { path } }));
      notice.good(words.takenBack(email));
      if (made?.email === email) setMade(null);
    } catch (error) {
      failed(error);
    }
    await again();
  }

  return (
    <Section title={words.invite}>
      <Form className="form-row" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <Entry label={words.email} name="email" type="email" autoComplete="off" isRequired maxLength={254} />
        <Select shown label={words.role} value={role} options={ROLE_OPTIONS} onChange={setRole} />
        <Button look="primary" type="submit">
          {words.send}
        </Button>
      </Form>
      {wrong && (
        <p className="form-error" role="alert">
          {wrong}
        </p>
      )}
      {made && <Once lead={words.link(made.email)} label={words.linkLabel} value={made.link} />}
      {asked.isError && <Failed error={asked.error} onAgain={asked.refetch} />}
      {waiting.length > 0 && (
        <table className="table" aria-label={words.invited}>
          <thead>
            <tr>
              <th scope="col">{words.invited}</th>
              <th scope="col">{words.role}</th>
              <th scope="col">{words.until}</th>
              <th scope="col">
                <span className="unseen">{words.takeBack}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {waiting.map((one) => (
              <tr key={one.invitation_id}>
                <td className="strong">{one.email}</td>
                <td>{isRole(one.role) ? ROLES[one.role] : one.role}</td>
                <td>{when(one.expires_at)}</td>
                <td className="end">
                  <Button
                    small
                    aria-label={words.takeBackWho(one.email)}
                    onPress={() => void takeBack(one.invitation_id, one.email)}
                  >
                    {words.takeBack}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}
