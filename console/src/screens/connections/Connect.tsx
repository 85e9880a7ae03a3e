import { type FormEvent, useState } from "react";
import { Form } from "react-aria-components/Form";
import { api, ok } from "../../api/client";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Entry, Password, Select } from "../../ui/Fields";
import { type Account, authorise, type Environment } from "./data";
import { ENVIRONMENTS, words } from "./text";

export interface Connecting {
  system: string;
  /** The account that is connected again. */
  account?: Account;
}

interface ConnectProps extends Connecting {
  onClose: () => void;
  onDone: (name: string) => void;
}

/** How a system is connected: QuickBooks on Intuit's page, Linarc by a key. */
export function Connect(props: ConnectProps) {
  return props.system === "quickbooks" ? <QuickBooks {...props} /> : <Linarc {...props} />;
}

const environmentOf = (account: Account | undefined): Environment =>
  account?.environment === "sandbox" ? "sandbox" : "production";

function QuickBooks({ account, onClose }: ConnectProps) {
  const { id } = useCompany();
  const [environment, setEnvironment] = useState<Environment>(environmentOf(account));
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  async function go() {
    setBusy(true);
    setWrong("");
    try {
      location.assign(await authorise(id, environment, account?.account_id));
    } catch (error) {
      setWrong(text.errors.says(error as { kind: string; message: string }));
      setBusy(false);
    }
  }
  return (
    <Dialog
      size="small"
      title={account ? words.againWho(account.name) : words.quickbooks}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>{text.fields.cancel}</Button>
          <Button look="primary" autoFocus isPending={busy} onPress={() => void go()}>
            {words.toIntuit}
          </Button>
        </>
      }
    >
      <div className="dialog-text">
        <p>{words.quickbooksLead}</p>
        {!account && (
          <Select
            shown
            label={words.environment}
            value={environment}
            options={ENVIRONMENTS}
            onChange={setEnvironment}
          />
        )}
        <p className="form-error" role="alert">
          {wrong}
        </p>
      </div>
    </Dialog>
  );
}

const FIELDS = ["name", "tenant_id", "base_url", "key"] as const;

function Linarc({ account, onClose, onDone }: ConnectProps) {
  const { id } = useCompany();
  const [environment, setEnvironment] = useState<Environment>(environmentOf(account));
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const typed = (name: string) => String(form.get(name) ?? "").trim();
    const { name, tenant_id, base_url } = account ?? {
      name: typed("name"),
      tenant_id: typed("tenant_id"),
      base_url: typed("base_url"),
    };
    const api_key = typed("key");
    if (!name || !tenant_id || !base_url || !api_key) return setWrong(words.missing);
    setBusy(true);
    setWrong("");
    try {
      const credential = { api_key, client_id: "", client_secret: "", refresh_token: "", token_url: "" };
      const body = { system: "linarc" as const, environment, tenant_id, name, base_url, credential };
      await ok(
        api.POST("/v1/companies/{company}/accounts", {
          params: { path: { company: id } },
          body,
        }),
      );
      onDone(name);
    } catch (error) {
      setWrong(text.errors.says(error as { kind: string; message: string }));
      setBusy(false);
    }
  }
  return (
    <Dialog size="small" title={account ? words.linarcAgain(account.name) : words.linarc} onClose={onClose}>
      <Form className="dialog-text fields" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <p>{words.linarcLead}</p>
        {!account && (
          <>
            <Entry
              label={words.name}
              name={FIELDS[0]}
              autoFocus
              autoComplete="off"
              isRequired
              maxLength={200}
            />
            <Select
              shown
              label={words.environment}
              value={environment}
              options={ENVIRONMENTS}
              onChange={setEnvironment}
            />
            <Entry
              label={words.tenantId}
              name={FIELDS[1]}
              hint={words.tenantHint}
              autoComplete="off"
              isRequired
              maxLength={100}
            />
            <Entry label={words.address} name={FIELDS[2]} value="https://api.linarc.com" isRequired />
          </>
        )}
        <Password label={words.key} name={FIELDS[3]} fresh autoFocus={account !== undefined} />
        <p className="form-error" role="alert">
          {wrong}
        </p>
        <div className="page-actions">
          <Button look="primary" type="submit" isPending={busy}>
            {words.connect}
          </Button>
          <Button onPress={onClose}>{text.fields.cancel}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
