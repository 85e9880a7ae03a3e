import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeQueryClient } from "./api/queries";
import { loadKeptFont } from "./font";
import { makeRouter } from "./router";
import { rememberSession, watchSession } from "./session";

function toSignIn() {
  const { pathname, href } = router.state.location;
  if (pathname === "/sign-in") return;
  rememberSession(false);
  void router.navigate({ to: "/sign-in", search: href === "/" ? {} : { next: href } });
}

const queryClient = makeQueryClient(
  toSignIn,
  () => void router.navigate({ to: "/account/second-factor", replace: true }),
);
const router = makeRouter(queryClient);
watchSession(toSignIn);

loadKeptFont();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
