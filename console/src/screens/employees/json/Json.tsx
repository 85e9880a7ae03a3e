import { useQuery } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, ChevronDown, Copy, Download } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import type { ApiError } from "../../../api/client";
import { json, record as recordQuery } from "../../../api/queries";
import { useCompany } from "../../../company";
import { text } from "../../../text";
import { Box } from "../../../ui/Box";
import { Button } from "../../../ui/Button";
import { Dialog } from "../../../ui/Dialog";
import { Menu } from "../../../ui/Menu";
import { notice } from "../../../ui/Notice";
import { Spinner, State } from "../../../ui/State";
import { Tabs } from "../../../ui/Tabs";
import { Compared, Plain } from "./Code";
import { compare, differences, linesOf } from "./diff";
import { AGAINST, type Exchange, PARTS, type Part, type PartId, partsOf } from "./parts";
import { words } from "./text";
import "./Json.css";

type Parts = Record<PartId | "there", Part>;

/** The data of one record as it passes between the two systems. */
export default function Json({ record, onClose }: { record: string; onClose: () => void }) {
  const { id, route } = useCompany();
  const shown = useQuery(recordQuery(id, record)).data;
  const found = useQuery(json(id, record));
  const [open, setOpen] = useState<PartId>("source");
  const parts =
    found.data &&
    partsOf(found.data, { source: route?.sourceLong ?? "", destination: route?.destinationLong ?? "" });
  return (
    <Dialog
      title={text.actions.json}
      size="wide"
      subtitle={shown ? [shown.name, shown.number].filter(Boolean).join(" · ") : " "}
      onClose={onClose}
    >
      {found.isPending && (
        <div className="centre">
          <Spinner size={20} />
        </div>
      )}
      {found.isError && (
        <State alert title={text.errors.title} fix={(found.error as ApiError).message || text.errors.offline}>
          <Button onPress={() => void found.refetch()}>{text.errors.again}</Button>
        </State>
      )}
      {parts && (
        <Tabs
          label={text.actions.json}
          open={open}
          onOpen={(tab) => setOpen(tab as PartId)}
          tabs={PARTS.map((part) => ({
            id: part,
            label: words.tabs[part],
            content: (
              <Shown key={part} id={part} parts={parts} found={found.data} file={`${record}-${part}.json`} />
            ),
          }))}
        />
      )}
    </Dialog>
  );
}

interface ShownProps {
  id: PartId;
  parts: Parts;
  found: Exchange;
  file: string;
}

function Shown({ id, parts, found, file }: ShownProps) {
  const part = parts[id];
  const others = ([...PARTS, "there"] as const).filter((one) => one !== id && parts[one].body !== undefined);
  const usual = AGAINST[id].find((one) => others.includes(one));
  const [against, setAgainst] = useState<PartId | "there" | undefined>(usual);
  const [differing, setDiffering] = useState(usual !== undefined);
  const other = against && others.includes(against) ? against : others[0];
  const about = id === "answer" && found.answer ? <Answered answer={found.answer} /> : part.about;
  if (part.body === undefined) return <p className="muted centre">{part.missing}</p>;
  return (
    <>
      <p className="code-about">{about}</p>
      <div className="code-head">
        {other && (
          <>
            <Box isSelected={differing} onChange={setDiffering}>
              {words.show}
            </Box>
            <Menu
              label={words.with}
              placement="bottom start"
              chosen={other}
              onAction={(one) => {
                setAgainst(one as PartId);
                setDiffering(true);
              }}
              items={others.map((one) => ({ id: one, label: parts[one].label }))}
              trigger={
                <Button aria-label={`${words.with}: ${parts[other].label}`}>
                  {parts[other].label}
                  <ChevronDown size={15} aria-hidden="true" />
                </Button>
              }
            />
          </>
        )}
        <Taken code={linesOf(part.body).join("\n")} file={file} />
      </div>
      {differing && other ? (
        <Differences key={other} left={parts[other]} right={part} />
      ) : (
        <Plain lines={linesOf(part.body)} label={part.label} />
      )}
      {part.hidden.length > 0 && (
        <p className="code-about">{words.hidden(part.hidden.map(text.history.field))}</p>
      )}
    </>
  );
}

/** Copy and download of what the tab shows, as it is. */
function Taken({ code, file }: { code: string; file: string }) {
  async function copy() {
    try {
      await navigator.clipboard.writeText(code);
      notice.good(words.copied);
    } catch {
      notice.bad(text.errors.message(""));
    }
  }

  function download() {
    const url = URL.createObjectURL(new Blob([code], { type: "application/json" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: file });
    link.click();
    URL.revokeObjectURL(url);
  }

  return (
    <span className="code-taken">
      <Button look="quiet" onPress={() => void copy()}>
        <Copy size={15} aria-hidden="true" />
        {words.copy}
      </Button>
      <Button look="quiet" onPress={download}>
        <Download size={15} aria-hidden="true" />
        {words.download}
      </Button>
    </span>
  );
}

function Differences({ left, right }: { left: Part; right: Part }) {
  const rows = useMemo(() => compare(left.body, right.body), [left.body, right.body]);
  const count = differences(rows);
  const [only, setOnly] = useState(false);
  const [at, setAt] = useState<number>();
  const scroll = useRef<HTMLElement>(null);
  function go(by: 1 | -1) {
    const next = at === undefined ? (by === 1 ? 0 : count - 1) : (at + by + count) % count;
    setAt(next);
    scroll.current?.querySelector(`[data-difference="${next}"]`)?.scrollIntoView({ block: "center" });
  }
  return (
    <>
      <div className="code-head">
        <span role="status">
          {count === 0 ? words.allEqual : at === undefined ? words.count(count) : words.at(at + 1, count)}
        </span>
        {count > 0 && (
          <>
            <Button look="icon" aria-label={words.previous} onPress={() => go(-1)}>
              <ArrowUp size={16} aria-hidden="true" />
            </Button>
            <Button look="icon" aria-label={words.next} onPress={() => go(1)}>
              <ArrowDown size={16} aria-hidden="true" />
            </Button>
            <Box isSelected={only} onChange={setOnly}>
              {words.only}
            </Box>
          </>
        )}
      </div>
      <Compared
        rows={rows}
        heads={[left.label, right.label]}
        only={only}
        label={`${left.label}, ${right.label}`}
        scroll={scroll}
      />
    </>
  );
}

/** What the destination answered: status, code, trace id, and its own words. */
function Answered({ answer }: { answer: NonNullable<Exchange["answer"]> }) {
  const { route } = useCompany();
  const bad = answer.status >= 300 || answer.code !== "";
  return (
    <>
      {words.answered(route?.destinationLong ?? "")}{" "}
      <span className={bad ? "tag failed" : "tag synced"}>{answer.status}</span>
      {answer.code && ` · ${words.code(answer.code)}`}
      {answer.trace_id && ` · ${words.trace(answer.trace_id)}`}
      {answer.remote_text
        ? ` · “${answer.remote_text}”`
        : bad && (answer.hidden ?? []).length > 0 && ` · ${words.hiddenText}`}
    </>
  );
}
