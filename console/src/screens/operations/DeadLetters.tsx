import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Label, TextArea, TextField } from "react-aria-components/TextField";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { shortly } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { Card } from "./Card";
import { type DeadLetter, deadLetter, deadLetters, discard, replay } from "./data";
import { words } from "./text";
import "../../ui/Field.css";

const failed = (error: ApiError) => notice.bad(text.errors.message(error.message));

/** Messages that could not be handled. An operator looks; an administrator settles them. */
export function DeadLetters({ open }: { open: string | undefined }) {
  const { id, view } = useCompany();
  const client = useQueryClient();
  const navigate = useNavigate({ from: "/c/$company/operations" });
  const found = useQuery(deadLetters(id));
  const [giving, setGiving] = useState<DeadLetter | null>(null);
  const items = found.data?.items ?? [];
  const mayChange = view.role === "admin";
  const show = (letter: DeadLetter | undefined) =>
    void navigate({
      search: (before) => ({ ...before, letter: letter && `${letter.service}/${letter.id}` }),
    });
  const again = useMutation({
    mutationFn: (letter: DeadLetter) => replay(id, letter),
    onSuccess: (answer) => {
      if (answer.handled) notice.good(words.handled);
      else notice.bad(words.failedAgain(answer.detail));
    },
    onError: failed,
    onSettled: () => void client.invalidateQueries({ queryKey: ["dead-letters", id] }),
  });
  const shown = items.find((one) => `${one.service}/${one.id}` === open);
  const silent = found.data?.unanswered ?? [];
  return (
    <Card title={words.dead} count={items.length} lead={words.deadLead}>
      {found.isError && !found.data && <Failed error={found.error} onAgain={found.refetch} />}
      {silent.length > 0 && <p className="muted quiet">{words.unanswered(silent)}</p>}
      {found.data && items.length === 0 && <p className="muted quiet">{words.noDead}</p>}
      <ul className="ops-list">
        {items.map((letter) => {
          const what = words.type(letter.type);
          return (
            <li key={`${letter.service}/${letter.id}`} className="letter">
              <time className="muted num" dateTime={letter.at}>
                {shortly(letter.at)}
              </time>
              <strong>
                {what}, {letter.service}
              </strong>
              <span className="grow muted">
                {letter.reason}: {letter.detail}
              </span>
              <span className="row-actions">
                <Button small aria-label={words.lookAt(what)} onPress={() => show(letter)}>
                  {words.look}
                </Button>
                {mayChange && letter.replayable && (
                  <Button
                    small
                    aria-label={words.replayWhat(what)}
                    isPending={again.isPending && again.variables.id === letter.id}
                    onPress={() => again.mutate(letter)}
                  >
                    {words.replay}
                  </Button>
                )}
                {mayChange && (
                  <Button
                    small
                    tone="danger"
                    aria-label={words.discardWhat(what)}
                    onPress={() => setGiving(letter)}
                  >
                    {words.discard}
                  </Button>
                )}
              </span>
            </li>
          );
        })}
      </ul>
      {shown && <Look letter={shown} onClose={() => show(undefined)} />}
      {giving && <Discard letter={giving} onClose={() => setGiving(null)} />}
    </Card>
  );
}

function Look({ letter, onClose }: { letter: DeadLetter; onClose: () => void }) {
  const { id } = useCompany();
  const found = useQuery(deadLetter(id, letter.service, letter.id));
  const detail = found.data;
  return (
    <Dialog
      title={words.deadTitle(words.type(letter.type))}
      subtitle={`${letter.service} · ${letter.id}`}
      onClose={onClose}
    >
      <div className="letter-detail">
        {found.isPending && <Spinner size={20} />}
        {found.isError && <p role="alert">{text.errors.message(found.error.message)}</p>}
        {detail && (
          <>
            <p>
              {detail.reason}: {detail.detail}
            </p>
            {(detail.hidden?.length ?? 0) > 0 && <p className="muted">{words.hidden(detail.hidden ?? [])}</p>}
            <h3>{words.body}</h3>
            {detail.body ? (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
              <pre tabIndex={0}>{JSON.stringify(detail.body, null, 2)}</pre>
            ) : (
              !detail.readable && <p className="muted">{words.notJson}</p>
            )}
            <h3>{words.headers}</h3>
            <pre>{JSON.stringify(detail.headers, null, 2)}</pre>
          </>
        )}
      </div>
    </Dialog>
  );
}

function Discard({ letter, onClose }: { letter: DeadLetter; onClose: () => void }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const [why, setWhy] = useState("");
  const [asked, setAsked] = useState(false);
  const give = useMutation({
    mutationFn: () => discard(id, letter, why.trim()),
    onSuccess: () => {
      notice.good(words.discarded);
      onClose();
      return client.invalidateQueries({ queryKey: ["dead-letters", id] });
    },
    onError: failed,
  });
  const send = () => (why.trim() ? give.mutate() : setAsked(true));
  return (
    <Dialog
      role="alertdialog"
      size="small"
      title={words.discardSure}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>{words.cancel}</Button>
          <Button tone="danger" isPending={give.isPending} onPress={send}>
            {words.discardNow}
          </Button>
        </>
      }
    >
      <div className="letter-detail">
        <p>{words.discardWill}</p>
        <TextField className="field" value={why} onChange={setWhy} isRequired maxLength={500} autoFocus>
          <Label>{words.discardWhy}</Label>
          <TextArea className="input" rows={3} />
        </TextField>
        {asked && !why.trim() && (
          <p className="form-error" role="alert">
            {words.needReason}
          </p>
        )}
      </div>
    </Dialog>
  );
}
