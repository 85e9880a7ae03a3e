export const TABS = ["cases", "links", "orphans", "duplicates", "excluded"] as const;
export type MappingTab = (typeof TABS)[number];

/** What the address of the Mapping page holds. */
export interface MappingSearch {
  tab?: MappingTab | undefined;
  q?: string | undefined;
  /** The kind of case. */
  reason?: string | undefined;
  /** The record whose dialog is open. */
  record?: string | undefined;
}
