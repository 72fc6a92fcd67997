package main
import ("bufio";"bytes";"fmt";"os";"math/rand"
"github.com/tinyforge/fluentbit-trigger/engine/match"
"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest")
func main(){
 f,_:=os.Create("/tmp/t/wp/in.log"); w:=bufio.NewWriter(f)
 rng:=rand.New(rand.NewSource(7))
 s,_:=match.Compile(matchtest.Rules(1000),match.Options{}); m:=s.NewMatcher()
 hits:=matchtest.Lines(400,1,matchtest.Rules(100))
 nh:=0
 for _,h:=range hits { if len(m.Match(h,nil,nil))>0 {nh++}}
 fmt.Println(nh)
 for i:=0;i<400000;{ 
  l:=[]byte(matchtest.Line(rng))
  if i%100==0 { l=hits[rng.Intn(len(hits))] } else if len(m.Match(l,nil,nil))>0 {continue}
  w.Write(bytes.ReplaceAll(l,[]byte("\n"),[]byte(" "))); w.WriteByte('\n');i++}
 w.Flush(); f.Close()
}
