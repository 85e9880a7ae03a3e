import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Failed } from "../../ui/Failed";
import { notice } from "../../ui/Notice";
import { Section } from "../../ui/Section";
import { browserOf, words } from "./text";

const sessions = queryOptions({
  queryKey: ["sessions"],
  queryFn: async () => (await ok(api.GET("/v1/me/sessions"))).items,
});

/** Where one is signed in, and signing out there. */
export function Sessions() {
  const client = useQueryClient();
  const asked = useQuery(sessions);
  const found = asked.data ?? [];

  async function end(does: () => Promise<unknown>, done: string) {
    try {
      await does();
      notice.good(done);
    } catch (error) {
      notice.bad(text.errors.says(error as { kind: string; message: string }));
    }
    await client.invalidateQueries({ queryKey: ["sessions"] });
  }
  const endOne = (session: string) =>
    end(() => ok(api.DELETE("/v1/me/sessions/{session}", { params: { path: { session } } })), words.ended);

  return (
    <Section
      title={words.sessions}
      actions={
        found.length > 1 && (
          <Button onPress={() => void end(() => ok(api.DELETE("/v1/me/sessions")), words.othersEnded)}>
            {words.endOthers}
          </Button>
        )
      }
    >
      {asked.isError && <Failed error={asked.error} onAgain={asked.refetch} />}
      <table className="table" aria-label={words.sessions}>
        <thead>
          <tr>
            {[words.browser, words.address, words.began, words.seen].map((heading) => (
              <th key={heading} scope="col">
                {heading}
              </th>
            ))}
            <th scope="col">
              <span className="unseen">{words.end}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {found.map((one) => (
            <tr key={one.session_id}>
              <td className="strong" title={one.agent}>
                {browserOf(one.agent)}
                {one.current && <span className="muted"> ({words.here})</span>}
              </td>
              <td>{one.address}</td>
              <td>{when(one.started_at)}</td>
              <td>{when(one.seen_at)}</td>
              <td className="end">
                {!one.current && (
                  <Button
                    small
                    aria-label={words.endWho(browserOf(one.agent), one.address)}
                    onPress={() => void endOne(one.session_id)}
                  >
                    {words.end}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}
