import "../../ui/Status.css";
import { type Mark, words } from "./text";

/** The status whose colours a mark has; what is staged is quiet. */
export const TONE: Record<Mark, string> = {
  new: "needs_sync",
  changed: "needs_action",
  unreadable: "failed",
  staged: "held",
};

export const MarkTag = ({ mark }: { mark: Mark }) =>
  mark === "staged" ? (
    <span className="muted">{words.marks[mark]}</span>
  ) : (
    <span className={`tag ${TONE[mark]}`}>{words.marks[mark]}</span>
  );
