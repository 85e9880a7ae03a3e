import { useQuery } from "@tanstack/react-query";
import { Copy, Download } from "lucide-react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components/Tabs";
import type { ApiError } from "../../api/client";
import { json, record as recordQuery } from "../../api/queries";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { notice } from "../../ui/Notice";
import { Spinner, State } from "../../ui/State";

type Part = keyof typeof text.json.tabs;
const PARTS = Object.keys(text.json.tabs) as Part[];

interface Shown {
  body: unknown;
  about: string;
  missing: string;
}

/** The data of one record as it passes between the two systems. */
export default function Json({ record, onClose }: { record: string; onClose: () => void }) {
  const { id, route } = useCompany();
  const shown = useQuery(recordQuery(id, record)).data;
  const found = useQuery(json(id, record));
  const words = text.json;
  const read = (at: string | undefined) => (at ? words.read(when(at)) : "");
  const parts: Record<Part, Shown> | undefined = found.data && {
    source: {
      body: found.data.source.payload,
      about: words.about.source(route?.sourceLong ?? "") + read(found.data.source.read_at),
      missing: words.none.source,
    },
    staged: { body: found.data.staged, about: words.about.staged, missing: words.none.staged },
    destination: {
      body: found.data.destination?.payload,
      about: words.about.destination(route?.destinationLong ?? "") + read(found.data.destination?.read_at),
      missing: found.data.destination ? words.payloadGone : words.none.destination,
    },
  };
  return (
    <Dialog
      title={text.actions.json}
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
        <Tabs className="tabs">
          <TabList aria-label={text.actions.json} className="tab-list">
            {PARTS.map((part) => (
              <Tab key={part} id={part} className="tab">
                {words.tabs[part]}
              </Tab>
            ))}
          </TabList>
          {PARTS.map((part) => (
            <TabPanel key={part} id={part} className="tab-panel">
              <Part shown={parts[part]} file={`${record}-${part}.json`} />
            </TabPanel>
          ))}
        </Tabs>
      )}
    </Dialog>
  );
}

function Part({ shown, file }: { shown: Shown; file: string }) {
  const words = text.json;
  if (shown.body === null || shown.body === undefined) return <p className="muted centre">{shown.missing}</p>;
  const code = JSON.stringify(shown.body, null, 2);

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
    <>
      <div className="code-head">
        <span className="muted">{shown.about}</span>
        <Button look="quiet" onPress={() => void copy()}>
          <Copy size={15} aria-hidden="true" />
          {words.copy}
        </Button>
        <Button look="quiet" onPress={download}>
          <Download size={15} aria-hidden="true" />
          {words.download}
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre className="code" tabIndex={0}>
        {code}
      </pre>
    </>
  );
}
