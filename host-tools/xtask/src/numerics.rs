pub fn bless(_: &crate::tree::Tree) -> anyhow::Result<()> { Ok(()) }
pub fn steps(_: &crate::tree::Tree, _: &mut crate::step::Report) {}
