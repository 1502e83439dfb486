//! Renders a figure in the page.

use maud::{Markup, PreEscaped, html};

use crate::render::figure::drawing::Figure;

/// The figure, as inline SVG, with its caption.
pub(super) fn figure(figure: &Figure) -> Markup {
    html! {
        figure {
            div.paper { (PreEscaped(&figure.svg)) }
            figcaption { (figure.caption) }
        }
    }
}
