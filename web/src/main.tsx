//! The page's entry: theme, then the components.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { applyTheme } from "./app/theme";
import { App } from "./ui/App";
import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/dashboard.css";
import "./ui/styles/signin.css";
import "./ui/styles/light.css";
import "./ui/styles/connection.css";
import "./ui/styles/machines.css";
import "./ui/styles/tokens-view.css";

applyTheme();
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
