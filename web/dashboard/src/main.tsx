// The page that shows customers. All its files come from the server.

import "./style/theme.css";
import "./style/controls.css";
import "./style/header.css";
import "./style/list.css";
import "./style/table.css";
import "./style/cards.css";
import "./style/notices.css";
import "./style/panel.css";
import "./style/form.css";
import "./style/details.css";
import "./style/files.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { cache } from "./api/cache";
import { server } from "./server";
import { useSession } from "./session/session";
import { SignIn } from "./session/SignIn";
import { Dashboard } from "./shell/Dashboard";
import { Logo } from "./shell/Logo";

function Page() {
  const { token } = useSession();
  if (!server.authentication || token) return <Dashboard />;
  return (
    <main className="welcome">
      <h1>
        <Logo />
        Customers
      </h1>
      <SignIn reason="This server needs a token to show customers." />
    </main>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={cache}>
      <Page />
    </QueryClientProvider>
  </StrictMode>,
);
