import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronDown, History, X } from "lucide-react";
import { useState } from "react";
import type { ApiError } from "../../api/client";
import { people } from "../../api/queries";
import { useCompany } from "../../company";
import { exactly, when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { Menu } from "../../ui/Menu";
import { notice } from "../../ui/Notice";
import { Sure } from "../../ui/Sure";
import { comparison, restoreRules, rulesOf, versionsOf } from "./data";
import { settingWords, valueWords, words } from "./text";

/** Every version: who, when, what moved; any of them can stand again. */
export function Versions({ current, mayChange }: { current: number; mayChange: boolean }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const found = useInfiniteQuery(versionsOf(id));
  const known = useQuery(people(id)).data ?? [];
  const restore = useMutation({
    mutationFn: (version: number) => restoreRules(id, version),
    onSuccess: (view, from) => {
      notice.good(words.versions.restored(from, view.version));
      void client.invalidateQueries({ queryKey: rulesOf(id).queryKey });
      void client.invalidateQueries({ queryKey: ["companies"] });
    },
    onError: (problem: ApiError) => notice.bad(text.errors.message(problem.message)),
  });
  const [pair, setPair] = useState<[number, number]>();
  const [restoring, setRestoring] = useState<number>();
  const versions = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="rules-scroll">
      {pair && <Comparison before={pair[0]} after={pair[1]} onClose={() => setPair(undefined)} />}
      {found.isError && <Failed error={found.error} onAgain={found.refetch} />}
      <ol className="versions">
        {versions.map((one) => (
          <li key={one.version}>
            <header>
              <strong>{words.versions.version(one.version)}</strong>
              <span className="muted">
                {known.find((person) => person.actor === one.actor)?.name ?? text.history.someone}
                {" · "}
                <time dateTime={one.at} title={exactly(one.at)}>
                  {when(one.at)}
                </time>
              </span>
              {versions.length > 1 && (
                <Menu
                  label={words.versions.compare}
                  trigger={
                    <Button
                      small
                      aria-label={`${words.versions.version(one.version)}: ${words.versions.compare}`}
                    >
                      {words.versions.compare}
                      <ChevronDown size={14} aria-hidden="true" />
                    </Button>
                  }
                  items={versions
                    .filter((other) => other.version !== one.version)
                    .map((other) => ({
                      id: String(other.version),
                      label: words.versions.version(other.version),
                    }))}
                  onAction={(other) =>
                    setPair([Math.min(one.version, Number(other)), Math.max(one.version, Number(other))])
                  }
                />
              )}
              {mayChange && one.version !== current && (
                <Button small onPress={() => setRestoring(one.version)}>
                  <History size={14} aria-hidden="true" />
                  {words.versions.restore}
                </Button>
              )}
            </header>
            <ul className="muted">
              {one.changes.map((change) => (
                <li key={change.what}>
                  {settingWords(change.what)}:{" "}
                  {words.versions.changed(valueWords(change.before), valueWords(change.after))}
                </li>
              ))}
              {one.changes.length === 0 && <li>{words.versions.none}</li>}
            </ul>
          </li>
        ))}
      </ol>
      {restoring !== undefined && (
        <Sure
          title={words.versions.restoreSure(restoring)}
          action={words.versions.restore}
          onSure={() => restore.mutate(restoring)}
          onClose={() => setRestoring(undefined)}
        >
          <p>{words.versions.restoreMeans(restoring, current + 1)}</p>
        </Sure>
      )}
      {found.hasNextPage && (
        <Button look="text" onPress={() => void found.fetchNextPage()}>
          {words.versions.older}
        </Button>
      )}
    </div>
  );
}

function Comparison({ before, after, onClose }: { before: number; after: number; onClose: () => void }) {
  const { id } = useCompany();
  const found = useQuery(comparison(id, before, after));
  return (
    <section className="comparison" aria-label={words.versions.compared(before, after)}>
      <header>
        <strong>{words.versions.compared(before, after)}</strong>
        <Button look="icon" small aria-label={words.versions.close} onPress={onClose}>
          <X size={14} aria-hidden="true" />
        </Button>
      </header>
      <div role="status">
        <ul className="muted">
          {found.data?.map((change) => (
            <li key={change.what}>
              {settingWords(change.what)}:{" "}
              {words.versions.changed(valueWords(change.before), valueWords(change.after))}
            </li>
          ))}
          {found.data?.length === 0 && <li>{words.versions.same}</li>}
          {found.isError && <li>{(found.error as ApiError).message}</li>}
        </ul>
      </div>
    </section>
  );
}
