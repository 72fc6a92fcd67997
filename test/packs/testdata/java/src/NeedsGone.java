public class NeedsGone { Gone gone = new Gone(); }

class Gone {}
