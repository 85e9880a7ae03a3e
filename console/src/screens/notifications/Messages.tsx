import { useQuery } from "@tanstack/react-query";
import { useCompany } from "../../company";
import { when } from "../../format";
import { text } from "../../text";
import { Dialog } from "../../ui/Dialog";
import { Spinner } from "../../ui/State";
import { messages } from "./data";
import { words } from "./text";
import "../../ui/Table.css";

interface MessagesProps {
  /** Null: to oneself. */
  channel: string | null;
  name: string;
  onClose: () => void;
}

/** The last messages and how they went: an SMTP or HTTP code, or why there is none. */
export function Messages({ channel, name, onClose }: MessagesProps) {
  const { id } = useCompany();
  const found = useQuery(messages(id, channel));
  return (
    <Dialog title={words.sent} subtitle={name} onClose={onClose}>
      {found.isPending && <Spinner />}
      {found.isError && <p className="dialog-text">{text.errors.message(found.error.message)}</p>}
      {found.data?.items.length === 0 && <p className="dialog-text">{words.noneSent}</p>}
      {found.data && found.data.items.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by the keyboard
        <section className="table-scroll" tabIndex={0} aria-label={words.of(words.sent, name)}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{words.at}</th>
                <th scope="col">{words.said}</th>
                <th scope="col">{words.state}</th>
                <th scope="col">{words.answer}</th>
              </tr>
            </thead>
            <tbody>
              {found.data.items.map((one) => (
                <tr key={one.message_id}>
                  <td className="num">{when(one.created_at)}</td>
                  <td>
                    {[...new Set(one.titles)].map((title) => (
                      <div key={title}>{title}</div>
                    ))}
                  </td>
                  <td>
                    {words.states[one.state] ?? one.state}
                    {one.next_try_at && one.tries > 0 && (
                      <div className="muted">{words.next(when(one.next_try_at))}</div>
                    )}
                  </td>
                  <td>{one.answer}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Dialog>
  );
}
