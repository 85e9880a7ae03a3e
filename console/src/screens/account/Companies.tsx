import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type CompanyView, ok } from "../../api/client";
import { companies } from "../../api/queries";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { notice } from "../../ui/Notice";
import { Section } from "../../ui/Section";
import { Sure } from "../../ui/Sure";
import { isRole, words as people, ROLES } from "../people/text";
import { words } from "./text";

/** The companies one belongs to, as what, and the way out of them. */
export function Companies({ actor }: { actor: string }) {
  const client = useQueryClient();
  const found = useQuery(companies).data ?? [];
  const [leaving, setLeaving] = useState<CompanyView | null>(null);

  async function leave(company: CompanyView) {
    const path = { company: company.company_id, user: actor.replace("user:", "") };
    try {
      await ok(api.DELETE("/v1/companies/{company}/members/{user}", { params: { path } }));
      notice.good(people.left(company.name));
    } catch (error) {
      notice.bad(text.errors.says(error as { kind: string; message: string }));
    }
    await client.invalidateQueries({ queryKey: ["companies"] });
  }

  if (found.length === 0) return null;
  return (
    <Section title={words.companies}>
      <table className="table" aria-label={words.companies}>
        <thead>
          <tr>
            <th scope="col">{words.company}</th>
            <th scope="col">{words.role}</th>
            <th scope="col">
              <span className="unseen">{words.leave}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {found.map((company) => (
            <tr key={company.company_id}>
              <td className="strong">{company.name}</td>
              <td>{isRole(company.role) ? ROLES[company.role] : company.role}</td>
              <td className="end">
                <Button
                  small
                  tone="danger"
                  aria-label={words.leaveWho(company.name)}
                  onPress={() => setLeaving(company)}
                >
                  {words.leave}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {leaving && (
        <Sure
          title={people.leaveSure(leaving.name)}
          action={words.leave.replace("…", "")}
          onSure={() => void leave(leaving)}
          onClose={() => setLeaving(null)}
        >
          <p>{people.leaveWhat}</p>
        </Sure>
      )}
    </Section>
  );
}
