import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Cable, ChevronDown } from "lucide-react";
import { useEffect, useState } from "react";
import { useCompany } from "../../company";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { Menu } from "../../ui/Menu";
import { notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Skeleton } from "../../ui/Skeleton";
import { State } from "../../ui/State";
import { Connect, type Connecting } from "./Connect";
import { Connection } from "./Connection";
import { accounts } from "./data";
import { SYSTEMS, words } from "./text";

/** The company's accounts: how each connection is, what it has used, and what one can do about it. */
export function Connections() {
  const { id, view } = useCompany();
  const client = useQueryClient();
  const found = useQuery(accounts(id));
  const [connecting, setConnecting] = useState<Connecting | null>(null);
  const mayConnect = view.role === "admin";
  const moved = () => {
    void client.invalidateQueries({ queryKey: ["accounts", id] });
    void client.invalidateQueries({ queryKey: ["companies"] });
  };
  useArrival(found.data?.map(({ account_id, name }) => [account_id, name]));
  const live = found.data?.filter((one) => one.connected) ?? [];
  return (
    <Page
      title={words.title}
      lead={words.lead}
      actions={
        mayConnect && (
          <Menu
            label={words.connect}
            trigger={
              <Button look={live.length < 2 ? "primary" : "plain"}>
                {words.connect}
                <ChevronDown size={14} aria-hidden="true" />
              </Button>
            }
            items={(["linarc", "quickbooks"] as const).map((system) => ({
              id: system,
              label: SYSTEMS[system] ?? system,
              hint: words.connectHint[system],
            }))}
            onAction={(system) => setConnecting({ system })}
          />
        )
      }
    >
      {found.isError && !found.data && <Failed error={found.error} onAgain={found.refetch} />}
      {found.isPending && <Skeleton rows={6} />}
      {found.data?.length === 0 && (
        <State
          icon={<Cable size={28} aria-hidden="true" />}
          title={words.none}
          fix={mayConnect ? words.noneFix : words.noneFixOthers}
        />
      )}
      {live.length >= 2 && !view.route && (
        <p role="status">
          {words.noRoute}{" "}
          <Link to="/c/$company/rules" params={{ company: id }} className="link">
            {words.toRules}
          </Link>
        </p>
      )}
      {found.data?.map((account) => (
        <Connection
          key={account.account_id}
          account={account}
          onMoved={moved}
          onConnect={() => setConnecting({ system: account.system, account })}
        />
      ))}
      {connecting && (
        <Connect
          {...connecting}
          onClose={() => setConnecting(null)}
          onDone={(name) => {
            setConnecting(null);
            notice.good(words.connected(name));
            moved();
          }}
        />
      )}
    </Page>
  );
}

/** Says so when the browser comes back from Intuit's page, once. */
function useArrival(known: readonly (readonly [string, string])[] | undefined) {
  const { connected } = useSearch({ from: "/c/$company/connections" });
  const navigate = useNavigate({ from: "/c/$company/connections" });
  const name = known?.find(([id]) => id === connected)?.[1];
  useEffect(() => {
    if (!name) return;
    notice.good(words.connected(name));
    void navigate({ search: {}, replace: true });
  }, [name, navigate]);
}
