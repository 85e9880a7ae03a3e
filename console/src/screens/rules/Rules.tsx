import { useQuery } from "@tanstack/react-query";
import { Unplug } from "lucide-react";
import { useEffect, useState } from "react";
import { FileTrigger } from "react-aria-components/FileTrigger";
import { Label, Radio, RadioGroup } from "react-aria-components/RadioGroup";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Spinner, State } from "../../ui/State";
import { Tabs } from "../../ui/Tabs";
import { type Draft, draftOf, fileOf, firstDraft, type RulesView, readFile, rulesOf, trialOf } from "./data";
import { LimitsTab } from "./Limits";
import { Mapping } from "./Mapping";
import { People } from "./People";
import { TrialPanel } from "./TrialPanel";
import { words } from "./text";
import { useSave } from "./useSave";
import { Versions } from "./Versions";
import "./Rules.css";

const TRY_AFTER_MS = 600;

/** The rules of a company's route: everybody sees them, administrators change them after a dry run. */
export function Rules() {
  const [tab, setTab] = useState("source");
  const { id, view: company } = useCompany();
  const found = useQuery(rulesOf(id));
  if (found.isError)
    return (
      <Page title={words.title}>
        <Failed error={found.error} onAgain={found.refetch} />
      </Page>
    );
  if (!found.data)
    return (
      <Page title={words.title}>
        <div className="centre">
          <Spinner size={20} />
        </div>
      </Page>
    );
  const stands = draftOf(found.data);
  const first = firstDraft(found.data, company.accounts);
  if (!stands)
    return (
      <Page title={words.title}>
        {first && company.role === "admin" ? (
          <FirstRoute first={first} version={found.data.version} />
        ) : (
          <State
            icon={<Unplug size={28} aria-hidden="true" />}
            title={words.noRoute}
            fix={words.noRouteFix}
          />
        )}
      </Page>
    );
  return (
    <Edited
      key={found.data.version}
      view={found.data}
      stands={stands}
      mayChange={company.role === "admin"}
      tab={tab}
      onTab={setTab}
    />
  );
}

/** A new company's first version: which of its two systems is the source of truth, and all rules as they are by default. */
function FirstRoute({ first, version }: { first: Draft; version: number }) {
  const [draft, setDraft] = useState(first);
  const save = useSave(draft, version);
  return (
    <div className="panel">
      <Ends draft={draft} onChange={setDraft} />
      <div className="trial-actions">
        <Button look="primary" isPending={save.isPending} onPress={() => save.mutate()}>
          {words.source.save}
        </Button>
      </div>
    </div>
  );
}

interface EditedProps {
  view: RulesView;
  stands: Draft;
  mayChange: boolean;
  /** The tab that is open: it stays open when a new version begins. */
  tab: string;
  onTab: (tab: string) => void;
}

function Edited({ view, stands, mayChange, tab, onTab }: EditedProps) {
  const { id } = useCompany();
  const [draft, setDraft] = useState(stands);
  const [asked, setAsked] = useState<Draft | null>(mayChange ? stands : null);
  const isDirty = JSON.stringify(draft) !== JSON.stringify(stands);
  useEffect(() => {
    if (!mayChange) return;
    const timer = setTimeout(() => setAsked(draft), TRY_AFTER_MS);
    return () => clearTimeout(timer);
  }, [draft, mayChange]);
  const trial = useQuery(trialOf(id, asked));
  const change = mayChange ? setDraft : null;
  return (
    <Page
      fill
      title={words.title}
      lead={mayChange ? words.lead(view.version) : words.may(view.administrators ?? [])}
      actions={<Files onRead={change} />}
    >
      <div className={mayChange ? "rules" : "rules alone"}>
        <div className="panel rules-main">
          <Tabs
            label={words.title}
            open={tab}
            onOpen={onTab}
            tabs={[
              { id: "source", label: words.tabs.source, content: <Ends draft={draft} onChange={change} /> },
              {
                id: "automation",
                label: words.tabs.automation,
                content: (
                  <Switches
                    names={["auto_create", "auto_update", "auto_sync"]}
                    draft={draft}
                    onChange={change}
                  />
                ),
              },
              {
                id: "mapping",
                label: words.tabs.mapping,
                content: <Mapping view={view} draft={draft} sample={trial.data?.sample} onChange={change} />,
              },
              {
                id: "people",
                label: words.tabs.people,
                content: <People view={view} draft={draft} onChange={change} />,
              },
              {
                id: "matching",
                label: words.tabs.matching,
                content: (
                  <Switches names={["create_missing", "confirm_matches"]} draft={draft} onChange={change} />
                ),
              },
              {
                id: "limits",
                label: words.tabs.limits,
                content: <LimitsTab draft={draft} onChange={change} />,
              },
              {
                id: "versions",
                label: words.tabs.versions,
                content: <Versions current={view.version} mayChange={mayChange} />,
              },
            ]}
          />
        </div>
        {mayChange && (
          <TrialPanel
            draft={draft}
            version={view.version}
            isDirty={isDirty}
            trial={asked === draft ? trial.data : undefined}
            error={trial.error as ApiError | null}
            isTrying={asked !== draft || trial.isFetching}
            onDone={() => setDraft(stands)}
          />
        )}
      </div>
    </Page>
  );
}

/** The rules as a file: out, and in as a draft that is tried out before it is saved. */
function Files({ onRead }: { onRead: ((draft: Draft) => void) | null }) {
  const { id } = useCompany();
  async function read(files: FileList | null) {
    const file = files?.[0];
    if (!file) return;
    try {
      onRead?.(await readFile(id, await file.text()));
      notice.good(words.file.read);
    } catch (error) {
      notice.bad((error as ApiError).message);
    }
  }
  return (
    <>
      <a className="button" href={fileOf(id)} download="muster-rules.yaml">
        {words.file.export}
      </a>
      {onRead && (
        <FileTrigger acceptedFileTypes={[".yaml", ".yml"]} onSelect={(files) => void read(files)}>
          <Button>{words.file.import}</Button>
        </FileTrigger>
      )}
    </>
  );
}

interface PartProps {
  draft: Draft;
  onChange: ((draft: Draft) => void) | null;
}

function Ends({ draft, onChange }: PartProps) {
  const { view } = useCompany();
  const ends = [draft.source, draft.destination].sort();
  const called = (account: string) => {
    const system = view.accounts.find((one) => one.account_id === account)?.system;
    return view.systems?.find((one) => one.system === system)?.label ?? account;
  };
  return (
    <div className="rules-scroll">
      <RadioGroup
        className="ends"
        value={draft.source}
        isDisabled={onChange === null}
        onChange={(source) =>
          onChange?.({
            ...draft,
            source,
            destination: ends.find((one) => one !== source) ?? draft.destination,
          })
        }
      >
        <Label>{words.source.label}</Label>
        {ends.map((account) => (
          <Radio key={account} value={account} className="end">
            <i aria-hidden="true" />
            {called(account)}
          </Radio>
        ))}
        <p className="muted">{words.source.hint}</p>
      </RadioGroup>
    </div>
  );
}

function Switches({ names, draft, onChange }: PartProps & { names: readonly string[] }) {
  const rules = draft.rules as unknown as Record<string, boolean>;
  return (
    <ul className="rules-scroll switches">
      {names.map((name) => (
        <li key={name}>
          <Box
            isSelected={rules[name] ?? false}
            isDisabled={onChange === null}
            onChange={(on) => onChange?.({ ...draft, rules: { ...draft.rules, [name]: on } })}
          >
            <strong>{words.switches[name]?.[0]}</strong>
          </Box>
          <p className="muted">{words.switches[name]?.[1]}</p>
        </li>
      ))}
    </ul>
  );
}
