import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Pencil } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { Form } from "react-aria-components/Form";
import { api, type CompanyView, ok, type Status } from "../api/client";
import { companies, counts, me } from "../api/queries";
import { routeOf } from "../company";
import { loadFont } from "../font";
import { n, STATUS, text } from "../text";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Entry } from "../ui/Fields";
import { notice } from "../ui/Notice";
import { Page } from "../ui/Page";
import { State } from "../ui/State";
import { Crash } from "./Root";
import { Top } from "./Top";
import "./CompanyFrame.css";
import "./Portfolio.css";
import "../ui/Status.css";

/** The companies one may see, and how each stands. */
export function Portfolio() {
  const known = useQuery(companies);
  const works = useQuery(me).data?.installation;
  const [naming, setNaming] = useState<CompanyView | "new" | null>(null);
  useEffect(() => {
    if (known.data) loadFont();
  }, [known.data]);
  if (known.isError) return <Crash error={known.error} />;
  return (
    <div className="frame lone-frame">
      <Top />
      <main className="main" id="main" tabIndex={-1}>
        <Page
          title={text.portfolio.title}
          lead={text.portfolio.lead}
          actions={
            works && (
              <>
                <Link to="/installation" className="button">
                  {text.portfolio.installation}
                </Link>
                {works === "admin" && <Button onPress={() => setNaming("new")}>{text.portfolio.add}</Button>}
              </>
            )
          }
        >
          {known.data?.length === 0 && <State title={text.portfolio.none} fix={text.portfolio.noneFix} />}
          <ul className="cards">
            {known.data?.map((company) => (
              <Card key={company.company_id} company={company} onRename={() => setNaming(company)} />
            ))}
          </ul>
          {naming && <Naming company={naming === "new" ? null : naming} onClose={() => setNaming(null)} />}
        </Page>
      </main>
    </div>
  );
}

const SHOWN: readonly Status[] = ["needs_action", "failed", "held", "needs_sync", "synced"];

function Card({ company, onRename }: { company: CompanyView; onRename: () => void }) {
  const route = routeOf(company);
  const found = useQuery({ ...counts(company.company_id, ""), enabled: route !== null }).data?.counts;
  const total = Object.values(found ?? {}).reduce((sum, one) => sum + one, 0);
  return (
    <li>
      <Link to="/c/$company/employees" params={{ company: company.company_id }} className="card company-card">
        <strong>{company.name}</strong>
        <span className="muted">
          {route ? text.employees.route(route.sourceLong, route.destinationLong) : text.employees.noRoute}
        </span>
        <span className="card-counts">
          {found && <span>{text.portfolio.people(total)}</span>}
          {SHOWN.filter((status) => (found?.[status] ?? 0) > 0).map((status) => (
            <span key={status} className={`dotted ${status}`}>
              {STATUS[status]} {n(found?.[status] ?? 0)}
            </span>
          ))}
        </span>
      </Link>
      {company.role === "admin" && (
        <Button look="icon" small aria-label={text.portfolio.renameWho(company.name)} onPress={onRename}>
          <Pencil size={14} aria-hidden="true" />
        </Button>
      )}
    </li>
  );
}

/** A new company's name, or another one for a company that there is. */
function Naming({ company, onClose }: { company: CompanyView | null; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
    if (!name) return setWrong(text.portfolio.noName);
    setBusy(true);
    try {
      if (company) {
        const params = { path: { company: company.company_id } };
        await ok(api.PATCH("/v1/companies/{company}", { params, body: { name } }));
        await client.invalidateQueries({ queryKey: ["companies"] });
        notice.good(text.portfolio.renamed(name));
        onClose();
        return;
      }
      const made = (await ok(api.POST("/v1/companies", { body: { name } }))) as { company_id: string };
      await client.invalidateQueries({ queryKey: ["companies"] });
      await client.invalidateQueries({ queryKey: ["me"] });
      notice.good(text.portfolio.created(name));
      await navigate({ to: "/c/$company/connections", params: { company: made.company_id }, search: {} });
    } catch (error) {
      setWrong(text.errors.says(error as { kind: string; message: string }));
      setBusy(false);
    }
  }
  return (
    <Dialog
      size="small"
      title={company ? text.portfolio.renameWho(company.name) : text.portfolio.add}
      onClose={onClose}
    >
      <Form className="dialog-text fields" onSubmit={(event) => void submit(event)} validationBehavior="aria">
        <Entry
          label={text.portfolio.name}
          name="name"
          value={company?.name ?? ""}
          autoFocus
          autoComplete="off"
          isRequired
          maxLength={200}
        />
        <p className="form-error" role="alert">
          {wrong}
        </p>
        <div className="page-actions">
          <Button look="primary" type="submit" isPending={busy}>
            {company ? text.portfolio.save : text.portfolio.create}
          </Button>
          <Button onPress={onClose}>{text.fields.cancel}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
