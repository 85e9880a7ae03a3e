/** What the address of the Runs screen holds: the filters, and which run is open. */
export interface RunsSearch {
  kind?: "import" | "sync" | undefined;
  who?: string | undefined;
  days?: "1" | "7" | "30" | undefined;
  problems?: "1" | undefined;
  run?: string | undefined;
}
