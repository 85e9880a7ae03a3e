import { infiniteQueryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronDown, Download } from "lucide-react";
import { api, ok } from "../../api/client";
import { people } from "../../api/queries";
import type { components } from "../../api/schema";
import { useCompany } from "../../company";
import { exactly, sinceOf, when } from "../../format";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { Select } from "../../ui/Fields";
import { Menu } from "../../ui/Menu";
import { Page } from "../../ui/Page";
import { Section } from "../../ui/Section";
import { Skeleton } from "../../ui/Skeleton";
import { State } from "../../ui/State";
import { browserOf } from "../account/text";
import { Who } from "../history/Who";
import { OnlyAdministrators } from "../people/OnlyAdministrators";
import { isRole, ROLES } from "../people/text";
import { ACTIONS, type Action, type AuditSearch, actionsOf, DAYS, KINDS, words } from "./text";

type Entry = components["schemas"]["AuditEntry"];
const PAGE = 100;

/** The filter as the API takes it. */
function wanted({ what, who, days }: AuditSearch) {
  const action = actionsOf(what);
  return {
    ...(action.length > 0 && { action }),
    ...(who && { who }),
    ...(days && { since: sinceOf(days) }),
  };
}

const entries = (company: string, search: AuditSearch) =>
  infiniteQueryOptions({
    queryKey: ["audit", company, search],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/companies/{company}/audit", {
          params: {
            path: { company },
            query: { ...wanted(search), limit: PAGE, ...(pageParam !== null && { after: pageParam }) },
          },
        }),
      ),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
    staleTime: 0,
  });

/** Who did what about access, connections and rules: filtered, page by page, and as a file. */
export function Audit() {
  return (
    <OnlyAdministrators title={words.title}>
      <Log />
    </OnlyAdministrators>
  );
}

function Log() {
  const { id } = useCompany();
  const search = useSearch({ from: "/c/$company/audit" });
  const navigate = useNavigate({ from: "/c/$company/audit" });
  const found = useInfiniteQuery(entries(id, search));
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page title={words.title} lead={words.lead} actions={<Export search={search} />}>
      <Filters search={search} />
      <Section title={KINDS.find(([kind]) => kind === (search.what ?? ""))?.[1] ?? words.title}>
        {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
        {found.isPending && <Skeleton rows={8} />}
        {found.data && items.length === 0 && (
          <State title={words.none} fix={words.noneFix}>
            <Button onPress={() => void navigate({ search: {} })}>{words.clear}</Button>
          </State>
        )}
        {items.length > 0 && <Entries items={items} />}
        {found.hasNextPage && (
          <div className="table-more">
            <Button isPending={found.isFetchingNextPage} onPress={() => void found.fetchNextPage()}>
              {words.older}
            </Button>
          </div>
        )}
      </Section>
    </Page>
  );
}

function Filters({ search }: { search: AuditSearch }) {
  const { id } = useCompany();
  const navigate = useNavigate({ from: "/c/$company/audit" });
  const known = useQuery(people(id)).data ?? [];
  const change = (what: Partial<AuditSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...what }), replace: true });
  return (
    <div className="form-row">
      <Select
        shown
        label={words.what}
        value={search.what ?? ""}
        options={KINDS.map(([kind, label]) => [kind, label] as const)}
        onChange={(what) => change({ what: what || undefined })}
      />
      <Select
        shown
        label={words.who}
        value={search.who ?? ""}
        options={[
          ["", words.anybody],
          ["unknown", words.unknown],
          ...known.map((one) => [one.actor, one.name] as const),
        ]}
        onChange={(who) => change({ who: who || undefined })}
      />
      <Select
        shown
        label={words.when}
        value={search.days ?? ""}
        options={DAYS}
        onChange={(days) => change({ days: days || undefined })}
      />
    </div>
  );
}

function Export({ search }: { search: AuditSearch }) {
  const { id } = useCompany();
  const save = (format: string) => {
    const { action = [], ...more } = wanted(search);
    const query = new URLSearchParams({ ...more, format });
    for (const one of action) query.append("action", one);
    const href = `/v1/companies/${id}/audit/export?${query}`;
    Object.assign(document.createElement("a"), { href, download: "" }).click();
  };
  return (
    <Menu
      label={words.export}
      trigger={
        <Button>
          <Download size={16} aria-hidden="true" />
          {words.export}
          <ChevronDown size={14} aria-hidden="true" />
        </Button>
      }
      items={[
        { id: "csv", label: words.csv },
        { id: "json", label: words.json },
      ]}
      onAction={save}
    />
  );
}

function Entries({ items }: { items: readonly Entry[] }) {
  return (
    <table className="table" aria-label={words.title}>
      <thead>
        <tr>
          {[words.what, words.who, words.about, words.from, words.when].map((heading) => (
            <th key={heading} scope="col">
              {heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map((entry) => (
          <tr key={entry.entry_id}>
            <td className="strong">{ACTIONS[entry.action as Action] ?? entry.action}</td>
            <td>
              <Actor actor={entry.actor} />
            </td>
            <td>
              <Subject entry={entry} />
            </td>
            <td title={entry.agent}>
              {entry.address} <span className="muted">{browserOf(entry.agent)}</span>
            </td>
            <td>
              <time dateTime={entry.at} title={exactly(entry.at)}>
                {when(entry.at)}
              </time>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Actor({ actor }: { actor: string }) {
  if (actor === "unknown") return <span>{words.unknown}</span>;
  if (actor === "installation") return <span>{words.installation}</span>;
  return <Who actor={actor} />;
}

/** Whom or what it was done to, by name where the company knows it, with a role or a reason. */
function Subject({ entry }: { entry: Entry }) {
  const { view } = useCompany();
  const { subject, detail, actor } = entry;
  const [kind = "", id = ""] = subject.split(/:(.*)/s);
  const more = isRole(detail) ? ROLES[detail] : detail;
  const account = view.accounts.find((one) => one.account_id === id);
  const named =
    kind === "user" || kind === "key" ? (
      subject === actor ? null : (
        <Who actor={subject} />
      )
    ) : (
      account?.name || [words.kinds[kind] ?? subject, kind === "version" && id].filter(Boolean).join(" ")
    );
  return (
    <span>
      {named}
      {more && <span className="muted"> {more}</span>}
    </span>
  );
}
