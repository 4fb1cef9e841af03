use sha2::{Digest, Sha256};

use crate::api::reply::Content;

const STYLE: &str = include_str!("../../../templates/baths.css");
const ICON: &str = include_str!("../../../templates/icon.svg");

/// The files of the page, each named by the hash of its content, so that caches keep them for
/// ever and never keep an old one.
pub struct Assets {
    style: String,
    icon: String,
}

impl Default for Assets {
    fn default() -> Self {
        Self { style: named("baths", STYLE, "css"), icon: named("icon", ICON, "svg") }
    }
}

impl Assets {
    pub fn style_path(&self) -> String {
        format!("/assets/{}", self.style)
    }

    pub fn icon_path(&self) -> String {
        format!("/assets/{}", self.icon)
    }

    pub fn find(&self, file: &str) -> Option<Content> {
        let (media, text) = if file == self.style {
            ("text/css; charset=utf-8", STYLE)
        } else if file == self.icon {
            ("image/svg+xml", ICON)
        } else {
            return None;
        };
        Some(Content {
            media,
            body: text.as_bytes().to_vec(),
            modified_at: None,
            cache_control: "public, max-age=31536000, immutable".to_owned(),
        })
    }
}

fn named(stem: &str, text: &str, ending: &str) -> String {
    let hash = hex::encode(Sha256::digest(text));
    format!("{stem}-{}.{ending}", hash.get(..16).unwrap_or(&hash))
}
