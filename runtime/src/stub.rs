//! Stands in for the engine until it is there.
#[derive(Debug)]
pub(crate) struct Policy(String);
impl Policy {
    pub(crate) fn load(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())?;
        text.starts_with("stub").then_some(Self(text)).ok_or_else(|| "damaged".into())
    }
    pub(crate) fn digest(&self) -> &str {
        self.0.trim()
    }
    pub(crate) fn upstreams(&self) -> Vec<Vec<String>> {
        vec![Vec::new()]
    }
}
