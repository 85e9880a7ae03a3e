import { useQuery } from "@tanstack/react-query";
import { people } from "../api/queries";
import { Dialog } from "../ui/Dialog";
import { Failed } from "../ui/Failed";
import { KEYS, tasks, words } from "./help";
import "./Help.css";

interface HelpProps {
  company: string;
  name: string;
  source: string;
  destination: string;
  onClose: () => void;
}

/** Five tasks with all their steps, the keys, and whom to ask. */
export default function HelpPanel({ company, name, source, destination, onClose }: HelpProps) {
  const asked = useQuery(people(company));
  const administrators = (asked.data ?? []).filter((one) => one.role === "admin" && !one.key);
  const all = tasks({ source, destination });
  const jump = (id: string) => {
    const heading = document.getElementById(`help-${id}`);
    heading?.scrollIntoView({ block: "start" });
    heading?.focus();
  };
  const links = [
    ...all.map(({ id, title }) => [id, title] as const),
    ["keys", words.keys] as const,
    ["people", words.people] as const,
  ];
  return (
    <Dialog size="side" title={words.title} onClose={onClose}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="dialog-scroll help" tabIndex={0} aria-label={words.title}>
        <nav aria-label={words.jump}>
          <ul className="help-links">
            {links.map(([id, title]) => (
              <li key={id}>
                <button type="button" className="link" onClick={() => jump(id)}>
                  {title}
                </button>
              </li>
            ))}
          </ul>
        </nav>
        {all.map(({ id, title, lead, steps }) => (
          <section key={id} aria-labelledby={`help-${id}`}>
            <h3 id={`help-${id}`} tabIndex={-1}>
              {title}
            </h3>
            <p className="muted">{lead}</p>
            <ol>
              {steps.map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
          </section>
        ))}
        <section aria-labelledby="help-keys">
          <h3 id="help-keys" tabIndex={-1}>
            {words.keys}
          </h3>
          <dl className="help-keys">
            {KEYS.map(([key, does]) => (
              <div key={key}>
                <dt>
                  <kbd className="key">{key}</kbd>
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
        <section aria-labelledby="help-people">
          <h3 id="help-people" tabIndex={-1}>
            {words.people}
          </h3>
          <p className="muted">{words.peopleLead(name)}</p>
          {asked.isError && <Failed error={asked.error} onAgain={asked.refetch} />}
          <ul>
            {administrators.map((one) => (
              <li key={one.actor}>
                {one.name}{" "}
                <a className="link" href={`mailto:${one.email}`}>
                  {one.email}
                </a>
              </li>
            ))}
          </ul>
        </section>
      </section>
    </Dialog>
  );
}
