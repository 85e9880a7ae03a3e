import { useNavigate, useSearch } from "@tanstack/react-router";
import { Page } from "../../ui/Page";
import { Entries, Exports } from "./Entries";
import { words } from "./text";

/** The company's change history: of all records, rules and plans. */
export function History() {
  const filter = useSearch({ from: "/c/$company/history" });
  const navigate = useNavigate({ from: "/c/$company/history" });
  return (
    <Page title={words.title} lead={words.lead} fill actions={<Exports filter={filter} />}>
      <div className="panel history-page">
        <Entries
          filter={filter}
          onFilter={(what) => void navigate({ search: (before) => ({ ...before, ...what }), replace: true })}
        />
      </div>
    </Page>
  );
}
