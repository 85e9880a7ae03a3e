import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok } from "../../api/client";
import { useCompany } from "../../company";
import { exactly, onDay, when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { notice } from "../../ui/Notice";
import { Facts, Section } from "../../ui/Section";
import { Sure } from "../../ui/Sure";
import { type Account, webhook } from "./data";
import { ENVIRONMENTS, STATES, SYSTEMS, words } from "./text";
import { Webhook } from "./Webhook";
import "../../ui/Status.css";
import "./Connections.css";

interface ConnectionProps {
  account: Account;
  onMoved: () => void;
  onConnect: () => void;
}

/** One account: its health, what it has used, and what one can do about it. */
export function Connection({ account, onMoved, onConnect }: ConnectionProps) {
  const { id, view, mayChange } = useCompany();
  const [asking, setAsking] = useState(false);
  const [confirming, setConfirming] = useState(false);
  const [busy, setBusy] = useState("");
  const { name, state } = account;
  const mayConnect = view.role === "admin";
  const works = state === "connected" || state === "paused";
  const where = { params: { path: { company: id, account: account.account_id } } };

  async function act(what: string, does: () => Promise<void>) {
    setBusy(what);
    try {
      await does();
    } catch (error) {
      notice.bad(text.errors.says(error as { kind: string; message: string }));
    }
    setBusy("");
    onMoved();
  }
  const test = () =>
    act("test", async () => {
      const found = await ok(api.POST("/v1/companies/{company}/accounts/{account}/test", where));
      if (found.state === "connected") notice.good(words.works(name));
      else notice.bad(`${found.state_text} ${found.fix}`);
    });
  const pause = () =>
    act("pause", async () => {
      await ok(api.POST("/v1/companies/{company}/accounts/{account}/pause", where));
      notice.good(words.paused(name));
    });
  const resume = () =>
    act("pause", async () => {
      await ok(api.POST("/v1/companies/{company}/accounts/{account}/resume", where));
      notice.good(words.resumed(name));
    });
  const confirmGone = () =>
    act("gone", async () => {
      await ok(
        api.POST("/v1/companies/{company}/accounts/{account}/gone", {
          ...where,
          body: { gone_at_most: account.warning_count },
        }),
      );
      notice.good(words.goneBegun(name));
    });
  const disconnect = () =>
    act("disconnect", async () => {
      const found = await ok(api.POST("/v1/companies/{company}/accounts/{account}/disconnect", where));
      if (found.revoked) notice.good(words.ended(name));
      else notice.bad(words.notRevoked(name));
    });

  return (
    <Section
      title={name}
      actions={
        <>
          {mayChange && works && (
            <>
              <Button
                isPending={busy === "test"}
                isDisabled={state === "paused"}
                aria-label={words.testWho(name)}
                onPress={() => void test()}
              >
                {words.test}
              </Button>
              {state === "paused" ? (
                <Button
                  look="primary"
                  isPending={busy === "pause"}
                  aria-label={words.resumeWho(name)}
                  onPress={() => void resume()}
                >
                  {words.resume}
                </Button>
              ) : (
                <Button
                  isPending={busy === "pause"}
                  aria-label={words.pauseWho(name)}
                  onPress={() => void pause()}
                >
                  {words.pause}
                </Button>
              )}
            </>
          )}
          {mayConnect && (
            <Button look={works ? "plain" : "primary"} aria-label={words.againWho(name)} onPress={onConnect}>
              {words.again}
            </Button>
          )}
          {mayConnect && account.connected && (
            <Button
              tone="danger"
              isPending={busy === "disconnect"}
              aria-label={words.disconnectWho(name)}
              onPress={() => setAsking(true)}
            >
              {words.disconnect}
            </Button>
          )}
        </>
      }
    >
      <Health account={account} />
      {mayChange && account.warning_count > 0 && works && (
        <p>
          <Button tone="danger" isPending={busy === "gone"} onPress={() => setConfirming(true)}>
            {words.gone(account.warning_count)}
          </Button>
        </p>
      )}
      {confirming && (
        <Sure
          title={words.goneSure(account.warning_count, account.warning_total, name)}
          action={words.goneAction(account.warning_count)}
          onSure={() => void confirmGone()}
          onClose={() => setConfirming(false)}
        >
          <p>{words.goneMeans(account.warning_count, name)}</p>
        </Sure>
      )}
      <Numbers account={account} />
      {account.connected && <Webhook account={account} />}
      {asking && (
        <Sure
          title={words.sure(name)}
          action={words.disconnect.replace("…", "")}
          onSure={() => void disconnect()}
          onClose={() => setAsking(false)}
        >
          <ul className="meanings">
            {words.means.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
          <p>{words.meansPause}</p>
        </Sure>
      )}
    </Section>
  );
}

const TONES: Record<string, string> = { connected: "synced", paused: "held", disconnected: "held" };

function Health({ account }: { account: Account }) {
  const { state, environment } = account;
  const tone = TONES[state] ?? "failed";
  const called = ENVIRONMENTS.find(([id]) => id === environment)?.[1] ?? environment;
  return (
    <>
      <p className="connection-state">
        <span className={`status-label dotted ${tone}`}>{STATES[state] ?? words.broken}</span>
        <span className="muted">
          {SYSTEMS[account.system] ?? account.system} · {called}
        </span>
      </p>
      {state !== "connected" && (
        <p className={tone === "failed" ? "bad" : "muted"}>
          {account.state_text} {account.fix}
        </p>
      )}
      {account.warning_text && <p className="bad">{account.warning_text}</p>}
      {account.budget.paused_until && Date.parse(account.budget.paused_until) > Date.now() && (
        <p className="muted">{words.asked(account.budget.paused_until)}</p>
      )}
    </>
  );
}

function Numbers({ account }: { account: Account }) {
  const { id } = useCompany();
  const hooked = useQuery(webhook(id, account.account_id)).data?.last_received_at;
  const { budget, renewed_at, reconnect_by } = account;
  const time = (iso: string, shown: string) => (
    <time dateTime={iso} title={exactly(iso)}>
      {shown}
    </time>
  );
  const keyed = reconnect_by === null;
  return (
    <Facts
      facts={[
        [words.tenant, account.tenant_id],
        [
          keyed ? words.token.key : words.token.tokens,
          renewed_at
            ? time(renewed_at, keyed ? words.given(renewed_at) : words.renewed(renewed_at))
            : words.unknown,
        ],
        ...(reconnect_by ? [[words.by, time(reconnect_by, onDay(reconnect_by))] as const] : []),
        [words.last, budget.last_at ? time(budget.last_at, when(budget.last_at)) : words.never],
        [words.hook, hooked ? time(hooked, when(hooked)) : words.noHook],
        [words.month, words.calls(budget.metered, budget.metered_per_month, budget.unmetered)],
        ...(budget.lasts_until
          ? [[words.ends, time(budget.lasts_until, onDay(budget.lasts_until))] as const]
          : []),
        [words.rate, words.perMinute(budget.in_minute, budget.requests_per_minute)],
      ]}
    />
  );
}
