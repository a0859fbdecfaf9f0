import { ignoreUnless } from "./permissions.ts";

if (Object.values(ignoreUnless).includes(true)) {
  // deno-lint-ignore no-console -- the only place that prints it
  console.log("Tests that need permissions are ignored: `deno task test` runs them all.");
}
