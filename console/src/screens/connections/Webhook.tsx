import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok } from "../../api/client";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Once } from "../../ui/Once";
import { Facts } from "../../ui/Section";
import { Sure } from "../../ui/Sure";
import { type Account, webhook } from "./data";
import { SYSTEMS, hook as words } from "./text";

interface Made {
  secret: string;
  previous_until: string | null;
}

/** Where the system sends changes: the address, its secret, and whether deliveries arrive. */
export function Webhook({ account }: { account: Account }) {
  const { id, view, mayChange } = useCompany();
  const client = useQueryClient();
  const asked = useQuery(webhook(id, account.account_id));
  const found = asked.data;
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  const where = { params: { path: { company: id, account: account.account_id } } };
  if (!found) return asked.isError ? <Failed error={asked.error} onAgain={asked.refetch} /> : null;
  const own = found.secret_from === "account";

  async function act(does: () => Promise<void>) {
    setBusy(true);
    try {
      await does();
    } catch (error) {
      notice.bad(text.errors.says(error as { kind: string; message: string }));
    }
    setBusy(false);
    await client.invalidateQueries({ queryKey: ["webhook", id, account.account_id] });
  }
  const make = () =>
    act(async () => {
      const path = "/v1/companies/{company}/accounts/{account}/webhook/secret";
      setMade(await ok(api.POST(path, where)));
    });
  const test = () =>
    act(async () => {
      const path = "/v1/companies/{company}/accounts/{account}/webhook/test";
      const { delivered, milliseconds, detail } = await ok(api.POST(path, where));
      if (delivered) notice.good(words.tested(milliseconds));
      else notice.bad(detail);
    });

  return (
    <div className="webhook">
      <h3>{words.title}</h3>
      <p className="muted">{words.lead(SYSTEMS[account.system] ?? account.system)}</p>
      <Once label={`${words.address}: ${account.name}`} value={found.address} />
      <Facts
        facts={[
          [
            words.secret,
            !found.has_secret
              ? words.none
              : own && found.secret_made_at
                ? words.made(found.secret_made_at)
                : words.installation,
          ],
        ]}
      />
      {made && <Once lead={words.once(made.previous_until)} label={words.secret} value={made.secret} />}
      <div className="page-actions">
        {own && view.role === "admin" && (
          <Button
            isPending={busy}
            onPress={() => {
              if (found.has_secret) setAsking(true);
              else void make();
            }}
          >
            {found.has_secret ? words.replace : words.make}
          </Button>
        )}
        {mayChange && found.has_secret && (
          <Button isPending={busy} onPress={() => void test()}>
            {words.test}
          </Button>
        )}
      </div>
      {asking && (
        <Sure
          title={words.sure}
          action={words.act}
          onSure={() => void make()}
          onClose={() => setAsking(false)}
        >
          <ul className="meanings">
            {words.means.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </Sure>
      )}
    </div>
  );
}
