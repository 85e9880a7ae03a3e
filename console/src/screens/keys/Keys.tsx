import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import { api, ok } from "../../api/client";
import { useCompany } from "../../company";
import { onDay, when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { Entry, Select } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { Once } from "../../ui/Once";
import { Page } from "../../ui/Page";
import { Section } from "../../ui/Section";
import { Sure } from "../../ui/Sure";
import { Who } from "../history/Who";
import { OnlyAdministrators } from "../people/OnlyAdministrators";
import { isRole, ROLE_OPTIONS, ROLES, type Role } from "../people/text";
import { DAYS, words } from "./text";

const keys = (company: string) =>
  queryOptions({
    queryKey: ["keys", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/api-keys", { params: { path: { company } } })),
  });

/** The company's API keys: what each may, when it was used, and until when it is good. */
export function Keys() {
  return (
    <OnlyAdministrators title={words.title}>
      <Page
        title={words.title}
        lead={
          <span>
            {words.lead} {words.docs}{" "}
            <a className="link" href="/v1/openapi.json">
              /v1/openapi.json
            </a>
          </span>
        }
      >
        <Make />
        <List />
      </Page>
    </OnlyAdministrators>
  );
}

function Make() {
  const { id } = useCompany();
  const client = useQueryClient();
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState<(typeof DAYS)[number][0]>("90");
  const [wrong, setWrong] = useState("");
  const [made, setMade] = useState<{ name: string; key: string } | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const name = String(new FormData(form).get("name") ?? "").trim();
    if (!name) return setWrong(words.noName);
    setWrong("");
    try {
      const body = { name, role, days: Number(days) };
      const { key } = await ok(
        api.POST("/v1/companies/{company}/api-keys", { params: { path: { company: id } }, body }),
      );
      setMade({ name, key });
      form.reset();
    } catch (error) {
      setWrong(text.errors.says(error as { kind: string; message: string }));
    }
    await client.invalidateQueries({ queryKey: ["keys", id] });
    await client.invalidateQueries({ queryKey: ["people", id] });
  }

  return (
    <Section title={words.make}>
      <Form className="form-row" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <Entry label={words.name} name="name" autoComplete="off" isRequired maxLength={100} />
        <Select shown label={words.role} value={role} options={ROLE_OPTIONS} onChange={setRole} />
        <Select shown label={words.days} value={days} options={DAYS} onChange={setDays} />
        <Button look="primary" type="submit">
          {words.button}
        </Button>
      </Form>
      {wrong && (
        <p className="form-error" role="alert">
          {wrong}
        </p>
      )}
      {made && <Once lead={words.once(made.name)} label={words.key} value={made.key} />}
    </Section>
  );
}

function List() {
  const { id } = useCompany();
  const client = useQueryClient();
  const found = useQuery(keys(id));
  const [leaving, setLeaving] = useState<{ key_id: string; name: string } | null>(null);

  async function revoke(key: { key_id: string; name: string }) {
    try {
      const path = { company: id, key_id: key.key_id };
      await ok(api.DELETE("/v1/companies/{company}/api-keys/{key_id}", { params: { path } }));
      notice.good(words.gone(key.name));
    } catch (error) {
      notice.bad(text.errors.says(error as { kind: string; message: string }));
    }
    await client.invalidateQueries({ queryKey: ["keys", id] });
  }

  return (
    <Section title={words.keys}>
      {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
      {found.data?.length === 0 && <p className="muted">{words.none}</p>}
      {found.data && found.data.length > 0 && (
        <table className="table" aria-label={words.keys}>
          <thead>
            <tr>
              {[words.name, words.role, words.maker, words.used, words.until].map((heading) => (
                <th key={heading} scope="col">
                  {heading}
                </th>
              ))}
              <th scope="col">
                <span className="unseen">{words.revoke}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {found.data.map((key) => (
              <tr key={key.key_id}>
                <td className="strong">
                  {key.name} <span className="muted">mk_{key.key_id}_…</span>
                </td>
                <td>{isRole(key.role) ? ROLES[key.role] : key.role}</td>
                <td>
                  <Who actor={key.made_by_key ? `key:${key.made_by_key}` : `user:${key.made_by}`} />
                </td>
                <td>{key.used_at ? when(key.used_at) : words.unused}</td>
                <td>
                  {onDay(key.expires_at)}
                  {!key.good && <span className="bad"> {words.dead}</span>}
                </td>
                <td className="end">
                  <Button
                    small
                    tone="danger"
                    aria-label={words.revokeWho(key.name)}
                    onPress={() => setLeaving(key)}
                  >
                    {words.revoke}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {leaving && (
        <Sure
          title={words.sure(leaving.name)}
          action={words.revoke}
          onSure={() => void revoke(leaving)}
          onClose={() => setLeaving(null)}
        >
          <p>{words.means}</p>
        </Sure>
      )}
    </Section>
  );
}
