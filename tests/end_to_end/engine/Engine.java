/** Starts a Trino server; its own launcher is only in the archive of the whole distribution. */
public class Engine {
    public static void main(String[] arguments) {
        new io.trino.server.Server().start(arguments[0]);
    }
}
