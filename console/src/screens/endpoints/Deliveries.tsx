import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { deliveries, type Endpoint, redeliver } from "./data";
import { words } from "./text";

/** What was delivered to an address, newest first, how it went, and each again. */
export function Deliveries({ endpoint, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const found = useQuery(deliveries(id, endpoint.endpoint_id));
  const again = useMutation({
    mutationFn: (delivery: number) => redeliver(id, endpoint.endpoint_id, delivery),
    onSuccess: () => notice.good(words.resent),
    onError: (error: ApiError) => notice.bad(text.errors.message(error.message)),
    onSettled: () => client.invalidateQueries({ queryKey: ["deliveries", id, endpoint.endpoint_id] }),
  });
  return (
    <Dialog title={words.log} subtitle={endpoint.url} onClose={onClose}>
      {found.isPending && <Spinner />}
      {found.isError && <p className="dialog-text">{text.errors.message(found.error.message)}</p>}
      {found.data?.items.length === 0 && <p className="dialog-text">{words.noDeliveries}</p>}
      {found.data && found.data.items.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by the keyboard
        <section className="table-scroll" tabIndex={0} aria-label={words.logOf(endpoint.url)}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{words.when}</th>
                <th scope="col">{words.type}</th>
                <th scope="col">{words.state}</th>
                <th scope="col">{words.answer}</th>
                <th scope="col">{words.tries}</th>
                <th scope="col">
                  <span className="unseen">{words.again}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.data.items.map((one) => (
                <tr key={one.delivery_id}>
                  <td className="num">{when(one.created_at)}</td>
                  <td>{one.type}</td>
                  <td>{words.deliveryStates[one.state] ?? one.state}</td>
                  <td>{one.answer ?? ""}</td>
                  <td className="num">{one.tries}</td>
                  <td className="end">
                    <Button
                      small
                      aria-label={words.againWhich(one.type)}
                      onPress={() => again.mutate(one.delivery_id)}
                    >
                      {words.again}
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Dialog>
  );
}
