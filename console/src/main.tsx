import "./style.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { makeQueryClient } from "./api/queries";
import { loadKeptFont } from "./font";
import { makeRouter } from "./router";
import { rememberSession } from "./session";

const queryClient = makeQueryClient(() => {
  const { pathname, href } = router.state.location;
  if (pathname === "/sign-in") return;
  rememberSession(false);
  void router.navigate({ to: "/sign-in", search: href === "/" ? {} : { next: href } });
});
const router = makeRouter(queryClient);

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
