import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";
import type { Mark } from "./text";

export type SourceRow = components["schemas"]["SourceRow"];

const PAGE = 200;
/** So many are read without being asked for; each page is a call of the source's. */
export const AT_ONCE = 1_000;
/** The most that one import names. */
export const MOST = 10_000;

/** The live directory, page after page, and how far it has been read. */
export function useDirectory(company: string, q: string) {
  const [wanted, setWanted] = useState(AT_ONCE);
  const found = useInfiniteQuery({
    queryKey: ["source-directory", company, q],
    queryFn: ({ pageParam, signal }) =>
      ok(
        api.GET("/v1/companies/{company}/source-directory", {
          params: {
            path: { company },
            query: { limit: PAGE, ...(q && { q }), ...(pageParam !== null && { after: pageParam }) },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const rows = useMemo(() => {
    const read = found.data?.pages.flatMap((page) => page.items) ?? [];
    return [...new Map(read.map((row) => [row.remote_id, row])).values()];
  }, [found.data]);
  const goOn = found.hasNextPage && !found.isFetching && !found.isError && rows.length < wanted;
  const { fetchNextPage } = found;
  useEffect(() => {
    if (goOn) void fetchNextPage();
  }, [goOn, fetchNextPage]);
  const last = found.data?.pages.at(-1);
  return {
    found,
    rows,
    total: last?.total ?? null,
    readAt: last?.read_at,
    hidden: last?.hidden ?? [],
    isReading: found.isFetching || goOn,
    /** How many more are read when asked. */
    more: found.hasNextPage && rows.length >= wanted ? AT_ONCE : 0,
    readMore: () => setWanted(rows.length + AT_ONCE),
    readAgain: () => {
      setWanted(AT_ONCE);
      void found.refetch();
    },
  };
}

export function countMarks(rows: Iterable<{ mark: string }>): Record<Mark, number> {
  const counts: Record<Mark, number> = { new: 0, changed: 0, staged: 0, unreadable: 0 };
  for (const row of rows) counts[row.mark as Mark] += 1;
  return counts;
}
