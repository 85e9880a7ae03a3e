import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { lazy, Suspense, useCallback } from "react";
import { caseCount, cases } from "../../api/mapping";
import { useCompany } from "../../company";
import { n } from "../../text";
import { Button } from "../../ui/Button";
import { useDialogAddress } from "../../ui/dialogAddress";
import { Page } from "../../ui/Page";
import { Search } from "../../ui/Search";
import { Tabs } from "../../ui/Tabs";
import { Cases } from "./Cases";
import { Duplicates, Excluded, Links, Orphans } from "./Lists";
import { Quality } from "./Quality";
import type { MappingSearch, MappingTab } from "./search";
import { words } from "./text";
import "./Mapping.css";

const MappingDialog = lazy(() => import("./MappingDialog"));

/** Who is who: what waits for a decision, what is linked, and what stands alone. */
export function Mapping() {
  const { id, route } = useCompany();
  const search = useSearch({ from: "/c/$company/mapping" });
  const navigate = useNavigate({ from: "/c/$company/mapping" });
  const waiting = useQuery(caseCount(id)).data;
  const first = useInfiniteQuery(cases(id, "", null)).data?.pages[0]?.items[0]?.record.record_id;
  const change = useCallback(
    (what: Partial<MappingSearch>, replace = true) =>
      void navigate({ search: (before) => ({ ...before, ...what }), replace }),
    [navigate],
  );
  const { open, close, go } = useDialogAddress(
    search.record !== undefined,
    useCallback((record: string | undefined, replace: boolean) => change({ record }, replace), [change]),
  );
  const find = useCallback((q: string) => change({ q: q || undefined }), [change]);
  const q = search.q ?? "";
  const page = words.page;
  const list = { q, onOpen: open };
  const contents: Record<MappingTab, React.ReactNode> = {
    cases: <Cases {...list} reason={search.reason ?? null} onReason={(reason) => change({ reason })} />,
    links: <Links {...list} />,
    orphans: <Orphans {...list} />,
    duplicates: <Duplicates {...list} />,
    excluded: <Excluded {...list} />,
  };
  const tab = (id: MappingTab, label: string, count?: number) => ({
    id,
    label,
    count,
    loud: id === "cases",
    content: (
      <>
        {id !== "duplicates" && (
          <div className="toolbar">
            <Search label={page.search} value={q} onSearch={find} />
          </div>
        )}
        {id === "links" && <Quality />}
        {contents[id]}
      </>
    ),
  });
  return (
    <Page
      fill
      title={words.title}
      lead={words.lead(route?.sourceLong ?? "", route?.destinationLong ?? "")}
      actions={
        <Button look="primary" isDisabled={!first} onPress={() => first && open(first)}>
          <Play size={16} aria-hidden="true" />
          {page.decideAll}
          <span className="button-count">{waiting ? n(waiting) : ""}</span>
        </Button>
      }
    >
      <Tabs
        label={page.label}
        open={search.tab ?? "cases"}
        onOpen={(tab) =>
          change({ tab: tab === "cases" ? undefined : (tab as MappingTab), reason: undefined, q: undefined })
        }
        tabs={[
          tab("cases", page.tabs.cases, waiting),
          tab("links", page.tabs.links),
          tab("orphans", page.tabs.orphans(route?.destination ?? "")),
          tab("duplicates", page.tabs.duplicates),
          tab("excluded", page.tabs.excluded),
        ]}
      />
      <Suspense>
        {search.record && <MappingDialog record={search.record} onGo={go} onClose={close} />}
      </Suspense>
    </Page>
  );
}
