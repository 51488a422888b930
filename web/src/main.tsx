import { render } from "preact";
import { App } from "./app";
import { Page } from "./chrome/page";
import "./style/page.css";

const app = new App();
render(<Page app={app} />, document.getElementById("app")!);
void app.start();
// For measurements from outside (tests/page); nothing here reads it.
Object.assign(window, { dexwire: app });
