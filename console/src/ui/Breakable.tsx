import { Fragment } from "react";

/** An e-mail address in the parts between which a line may break; anything else in one. */
export const partsOf = (words: string) => (words.includes("@") ? words.split(/(?=[@.])/) : [words]);

/** Words that may hold an e-mail address: it breaks before its signs, not within a word. */
export const Breakable = ({ words }: { words: string }) =>
  partsOf(words).map((part, place) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a part has nothing but its place
    <Fragment key={place}>
      {place > 0 && <wbr />}
      {part}
    </Fragment>
  ));
