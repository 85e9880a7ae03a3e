import type { ReactNode } from "react";
import { text } from "../../text";
import { ActionsCell, NameCell, NumberCell, ReasonCell, SerialCell, StatusCell, SyncedCell } from "./cells";
import type { CellProps } from "./types";

export interface ColumnSpec {
  id: string;
  label: string;
  width: number | `${number}fr`;
  minWidth?: number;
  allowsSorting?: boolean;
  isRowHeader?: boolean;
  cell: (props: CellProps) => ReactNode;
}

/** The list's columns as the width allows. `many`: the numbers of rows have six digits. */
export function columnsFor(
  small: boolean,
  medium: boolean,
  many: boolean,
  hidden: readonly string[],
): ColumnSpec[] {
  const c = text.employees.columns;
  const serial: ColumnSpec = {
    id: "serial",
    label: c.serial,
    width: (small ? 56 : medium ? 76 : 84) + (many ? 12 : 0),
    minWidth: 56,
    cell: (p) => <SerialCell {...p} />,
  };
  const name: ColumnSpec = {
    id: "name",
    label: small ? c.nameShort : c.name,
    width: "1.1fr",
    minWidth: small ? 100 : medium ? 150 : 196,
    allowsSorting: true,
    isRowHeader: true,
    cell: (p) => <NameCell {...p} />,
  };
  const status: ColumnSpec = {
    id: "status",
    label: c.status,
    width: small || medium ? 124 : 132,
    minWidth: 124,
    allowsSorting: true,
    cell: (p) => <StatusCell {...p} />,
  };
  const actions: ColumnSpec = {
    id: "actions",
    label: c.actions,
    width: small ? 42 : medium ? 100 : 112,
    minWidth: 42, // else it is 75
    cell: (p) => <ActionsCell {...p} />,
  };
  if (small) return [serial, name, status, actions];
  const number: ColumnSpec = {
    id: "number",
    label: c.number,
    width: medium ? 92 : 108,
    minWidth: 88,
    allowsSorting: true,
    cell: (p) => <NumberCell {...p} />,
  };
  const synced: ColumnSpec = {
    id: "synced_at",
    label: c.synced,
    width: medium ? 100 : 184, // "Nov 29, 2026, 12:44 AM", in two lines or one
    minWidth: 100,
    allowsSorting: true,
    cell: (p) => <SyncedCell {...p} />,
  };
  const reason: ColumnSpec = {
    id: "reason",
    label: c.reason,
    width: "2fr",
    minWidth: 230,
    cell: (p) => <ReasonCell {...p} />,
  };
  return [serial, number, name, status, reason, synced, actions].filter(({ id }) => !hidden.includes(id));
}
