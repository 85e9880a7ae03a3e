import { type RefObject, useMemo } from "react";
import { type Row, tokens } from "./diff";
import { words } from "./text";

/** A line of JSON with its colours. */
function Line({ text }: { text: string }) {
  const parts = useMemo(() => {
    let at = 0;
    return tokens(text).map((token) => {
      const part = { ...token, at };
      at += token.text.length;
      return part;
    });
  }, [text]);
  return (
    <>
      {parts.map(({ kind, text: part, at }) =>
        kind === "plain" ? (
          part
        ) : (
          <span key={at} className={`json-${kind}`}>
            {part}
          </span>
        ),
      )}
    </>
  );
}

/** JSON as it is. */
export function Plain({ lines, label }: { lines: readonly string[]; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="code" tabIndex={0} aria-label={label}>
      <pre>
        {lines.map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name than their place
          <span key={at} className="code-line">
            <Line text={line} />
            {"\n"}
          </span>
        ))}
      </pre>
    </section>
  );
}

interface ComparedProps {
  rows: readonly Row[];
  heads: [left: string, right: string];
  only: boolean;
  label: string;
  scroll: RefObject<HTMLElement | null>;
}

/** Two JSON values side by side, below each other where there is no room. */
export function Compared({ rows, heads, only, label, scroll }: ComparedProps) {
  const shown = useMemo(() => (only ? folded(rows) : rows), [rows, only]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="code compared" tabIndex={0} aria-label={label} ref={scroll}>
      <div className="pair pair-head">
        {heads.map((head) => (
          <b key={head}>{head}</b>
        ))}
      </div>
      {shown.map((row, at) =>
        "equal" in row ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name than their place
          <div key={at} className="pair-fold">
            {words.equal(row.equal)}
          </div>
        ) : (
          <div
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name than their place
            key={at}
            className={row.difference === undefined ? "pair" : "pair differs"}
            data-difference={row.difference}
          >
            <Side line={row.left} no={row.leftNo} mark="−" differs={row.difference !== undefined} />
            <Side line={row.right} no={row.rightNo} mark="+" differs={row.difference !== undefined} />
          </div>
        ),
      )}
    </section>
  );
}

interface SideProps {
  line: string | undefined;
  no: number | undefined;
  mark: "−" | "+";
  differs: boolean;
}

function Side({ line, no, mark, differs }: SideProps) {
  const kind = mark === "−" ? "removed" : "added";
  if (line === undefined) return <span className={`diff-side gap ${kind}`} />;
  return (
    <span className={differs ? `diff-side ${kind}` : `diff-side same ${kind}-side`}>
      <span className="line-no">{no}</span>
      <span className="line-mark">
        {differs && (
          <>
            <span aria-hidden="true">{mark}</span>
            <span className="unseen">{words[kind]}</span>
          </>
        )}
      </span>
      <code>
        <Line text={line} />
      </code>
    </span>
  );
}

/** The rows that differ, with how many equal ones stand between them. */
function folded(rows: readonly Row[]): (Row | { equal: number })[] {
  const shown: (Row | { equal: number })[] = [];
  let equal = 0;
  for (const row of rows) {
    if (row.difference === undefined) {
      equal++;
      continue;
    }
    if (equal > 0) shown.push({ equal });
    equal = 0;
    shown.push(row);
  }
  if (equal > 0) shown.push({ equal });
  return shown;
}
