import { text } from "../text";
import { Button } from "./Button";
import { State } from "./State";

interface FailedProps {
  error: { message: string };
  onAgain: () => unknown;
}

/** What stands where something could not be loaded: why, and the way to ask again. */
export function Failed({ error, onAgain }: FailedProps) {
  return (
    <State alert title={text.errors.title} fix={text.errors.says(error)}>
      <Button onPress={() => void onAgain()}>{text.errors.again}</Button>
    </State>
  );
}
