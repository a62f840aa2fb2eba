// Where this stands, keys choose in an explorer's controls, which JupyterLab would take for its own.
export default {
  render({ el }) {
    setTimeout(() => {
      const box = el.closest(".explorer");
      box.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
      box.addEventListener("keydown", (event) => {
        const word = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
        if (event.target.type === "submit" && word) box.querySelector(`[title^=${word}]`).click();
      });
    });
  },
};
