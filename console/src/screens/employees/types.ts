import type { Filter } from "../../api/queries";
import type { View } from "../../search";

/** One row of the list: which record, and its place. */
export interface Item {
  id: string;
  serial: number;
}

export interface CellProps extends Item {
  filter: Filter;
  small: boolean;
  pick: (id: string, modifiers: { shift: boolean; ctrl: boolean }) => void;
  /** Where a span begins that comes later. */
  mark: (id: string) => void;
  onOpen: (record: string, view: View) => void;
}
