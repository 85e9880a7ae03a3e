import "./State.css";

/** Grey bars where rows will be. */
export const Skeleton = ({ rows = 12 }: { rows?: number }) => (
  <div className="bars" aria-hidden="true">
    {Array.from({ length: rows }, (_, row) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: bars without identity
      <i key={row} />
    ))}
  </div>
);
